#!/bin/sh
# run_in_workspace.sh WORKSPACE_TOOL PROGRAM PLUGIN DIRECTORY [SOCKET]: prepares DIRECTORY and runs
# PROGRAM PLUGIN DIRECTORY. Shows what the process wrote into DIRECTORY/output, where host_state
# sends standard output and error: a sanitizer's report, for example.
tool=$1 program=$2 plugin=$3 directory=$4 socket=${5:-${MARIADB_SOCKET:-}}
"$tool" "$directory" ${socket:+"$socket"} || exit 1
"$program" "$plugin" "$directory"
status=$?
[ ! -s "$directory/output" ] || cat "$directory/output" >&2
exit $status
