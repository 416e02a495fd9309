#include "cli/cared.h"

int main(int argc, char** argv) {
  return cli::run_tool(cli::cared_program(), argc, argv, cli::run_cared);
}
