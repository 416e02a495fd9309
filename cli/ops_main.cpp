#include "cli/ops.h"

int main(int argc, char** argv) {
  return cli::run_tool(cli::ops_program(), argc, argv, cli::run_ops);
}
