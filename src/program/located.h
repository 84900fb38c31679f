// Accounts whose mail lies in place: moved into the own store and back.
#pragma once

#include <cstdint>
#include <string>

#include "program/commands.h"

namespace angarium::program {

/// A path that holds the account's own boxes.
inline constexpr ErrorKind kOwnPlace{"program.own-place", Fault::user, Lasting::permanent};

/// By what was told when a talk about the account began (agent::transfers()): an import from the account's own boxes,
/// or from around them, and an export into them, is an error, which says what to type. Their mail is here already.
Result<> check_import(const std::string& told, const std::string& path, const std::string& account);
Result<> check_export(const std::string& told, const std::string& path, const std::string& account);

enum class Move : std::uint8_t { in, out };
struct MoveOptions {
  std::string account;
  Move way = Move::in;
  bool dry_run = false;
};
/// Prints what lies in the account's boxes, moves it, and prints what came of that. kFailed when something stays in a
/// box alone; kTemporary when the account stays where it was.
int move_account(const Context& context, const MoveOptions& options);

}  // namespace angarium::program
