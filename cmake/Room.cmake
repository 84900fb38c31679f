# One static library a room, its tests and fuzz targets beside its code.
#
#   angarium_room(NAME [DEPENDS room...] [LIBRARIES target...] [TEST_LIBRARIES target...] [PRECOMPILED header...]
#                 [LONG_TESTS])
#
# Called from src/ROOM/CMakeLists.txt. Every *.cpp of the folder and of its command/ belongs to the room, except
#   *_test.cpp   linked into the test program NAME_test
#   *_fuzz.cpp   one libFuzzer target each, NAME_FILE_fuzz, with FILE.dict as its dictionary; all of them: angarium_fuzz
# DEPENDS names rooms of lower floors only; LIBRARIES names what comes from outside and stays private to the
# room, because heavy headers may be included by its .cpp files only. TEST_LIBRARIES are linked into the test program,
# as angarium_session (tests/support/session.h) for protocols. PRECOMPILED names headers that most files of a large room
# read: with ANGARIUM_PRECOMPILE (the sanitizers' builds) they are compiled once. The dev and release builds go without, so
# that every file is seen to include what it needs. LONG_TESTS: the room's tests take longer than all others, and begin first.

add_library(angarium_options INTERFACE)
target_compile_options(angarium_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Wunused -Woverloaded-virtual
  -Wconversion -Wno-sign-conversion -Wformat=2 -Wimplicit-fallthrough -Wextra-semi
  -Wno-gnu-statement-expression -Wno-gnu-statement-expression-from-macro-expansion -Wno-missing-field-initializers
  -fno-omit-frame-pointer)
if(ANGARIUM_WERROR)
  target_compile_options(angarium_options INTERFACE -Werror)
endif()

if(ANGARIUM_TESTS)
  add_library(angarium_test_main STATIC ${PROJECT_SOURCE_DIR}/tests/support/main.cpp)
endif()

# Headers that a target's files have in common, compiled once for all of them.
function(angarium_precompile target)
  if(ANGARIUM_PRECOMPILE AND ARGN)
    list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/src/" OUTPUT_VARIABLE headers)
    target_precompile_headers(${target} PRIVATE ${headers})
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # else ccache never finds what it holds
  endif()
endfunction()

function(angarium_room name)
  cmake_parse_arguments(ROOM "LONG_TESTS" "" "DEPENDS;LIBRARIES;TEST_LIBRARIES;PRECOMPILED" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp command/*.cpp)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cpp$")

  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PUBLIC ${ROOM_DEPENDS} PRIVATE angarium_options ${ROOM_LIBRARIES} fmt::fmt)
  angarium_precompile(${name} ${ROOM_PRECOMPILED})

  if(ANGARIUM_TESTS AND tests)
    # Paths stand in a generated file of their own, so that the tests' objects are the same in every checkout.
    file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/paths.cpp CONTENT
      "#include \"support/test.h\"\nnamespace angarium::test {\nconst char* const kRoomDirectory = \"${CMAKE_CURRENT_SOURCE_DIR}\";\nconst char* const kTestsDirectory = \"${PROJECT_SOURCE_DIR}/tests\";\n}\n")
    add_executable(${name}_test ${tests} ${CMAKE_CURRENT_BINARY_DIR}/paths.cpp)
    target_link_libraries(${name}_test PRIVATE ${name} ${ROOM_TEST_LIBRARIES} angarium_test_main angarium_options ${ROOM_LIBRARIES} fmt::fmt)
    target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    angarium_precompile(${name}_test ${ROOM_PRECOMPILED})
    if(CMAKE_BUILD_TYPE STREQUAL "Debug")
      target_compile_options(${name}_test PRIVATE -O0)  # what is tested is optimized; to optimize the tests takes as long as to compile them
    endif()
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES LABELS room)
    if(ROOM_LONG_TESTS)
      set_tests_properties(${name} PROPERTIES COST 1000)
    endif()
  endif()

  if(ANGARIUM_FUZZ)
    foreach(file IN LISTS fuzzers)
      get_filename_component(stem ${file} NAME_WE)
      string(REGEX REPLACE "_fuzz$" "" subject ${stem})
      set(target ${name}_${stem})
      add_executable(${target} ${file})
      target_link_libraries(${target} PRIVATE ${name} angarium_options fmt::fmt -fsanitize=fuzzer)
      target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
      add_dependencies(angarium_fuzz ${target})
      set(dictionary ${CMAKE_CURRENT_SOURCE_DIR}/${subject}.dict)
      set_property(GLOBAL APPEND_STRING PROPERTY ANGARIUM_FUZZ_TARGETS "${target} ${dictionary}\n")
    endforeach()
  endif()
endfunction()
