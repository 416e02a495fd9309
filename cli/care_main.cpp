#include "cli/care.h"

int main(int argc, char** argv) {
  return cli::run_tool(cli::care_program(), argc, argv, cli::run_care);
}
