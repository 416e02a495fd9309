# Compiler settings of all our own targets, and the helpers by which each folder's CMakeLists.txt
# adds them.
add_library(bipvault_options INTERFACE)
target_compile_options(bipvault_options INTERFACE
  -Wall -Wextra -Werror $<$<COMPILE_LANGUAGE:CXX>:-Wconversion -Wshadow>
  # Optimised, g++ 12 warns about std::string's own operator+ (GCC bug 105651).
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-Wno-restrict>)
target_include_directories(bipvault_options INTERFACE ${CMAKE_SOURCE_DIR})

if(BIPVAULT_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(BIPVAULT_SANITIZE STREQUAL "thread")
  # Boost.Asio's fences, which TSan does not see, stand beside a mutex that it does.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  add_link_options(-fsanitize=thread)
elseif(NOT BIPVAULT_SANITIZE STREQUAL "")
  message(FATAL_ERROR "BIPVAULT_SANITIZE: address or thread, not '${BIPVAULT_SANITIZE}'")
endif()
if(NOT BIPVAULT_SANITIZE STREQUAL "")
  # What a sanitizer adds hides from g++ that an optional's value is only read when it is there.
  add_compile_options(-Wno-maybe-uninitialized)
endif()

# Fuzzing needs coverage feedback in every module; the programs are in tests/fuzz.
option(BIPVAULT_FUZZ "Build libFuzzer programs (clang++ only)" OFF)
if(BIPVAULT_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "BIPVAULT_FUZZ needs -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()

# bipvault_module(NAME): one static library from every .cpp of the folder.
function(bipvault_module name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC bipvault_options)
endfunction()
