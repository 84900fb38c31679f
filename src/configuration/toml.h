// toml++ for the files that read TOML.
#pragma once

// toml++ 3.3 asserts what its grammar then checks itself ("[" and a line end would abort a build with assertions), and
// calls reachable points unreachable: its test for Unicode blanks on U+00A1 to U+0499. There the right answer is "no".
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_UNRELEASED_FEATURES 0
// clang-format off
#include <toml++/impl/preprocessor.h>
#include <toml++/impl/std_string.h>
#include <toml++/impl/forward_declarations.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return {}
#include <toml++/impl/unicode.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE __builtin_unreachable()
#include <toml++/toml.h>
// clang-format on
