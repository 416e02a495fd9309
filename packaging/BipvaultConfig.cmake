# find_package(Bipvault): the C interface of the plugin, for who writes a host.
#   Bipvault::interface   headers <bipvault/...>
#   BIPVAULT_PLUGIN       where the installed plugin lies, to be loaded with dlopen
get_filename_component(_bipvault_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET Bipvault::interface)
  add_library(Bipvault::interface INTERFACE IMPORTED)
  set_target_properties(Bipvault::interface PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_bipvault_prefix}/include")
endif()
set(BIPVAULT_PLUGIN "${_bipvault_prefix}/lib/bipvault/bipvault.so")
unset(_bipvault_prefix)
