// The boxes of a location (route/location.h), found, named, made, renamed and removed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "route/location.h"

namespace angarium::location {

/// The boxes cannot be reached or are not what they were: nothing was changed, try again.
inline constexpr ErrorKind kTrouble{"location.trouble", Fault::dependency, Lasting::temporary};
/// Who works on the boxes has ended, or has closed the box that was asked for: what was begun with it goes no further,
/// and others may have been there before it is begun anew.
inline constexpr ErrorKind kGone{"location.gone", Fault::dependency, Lasting::temporary};

using route::Location;

/// A box of the location and the mailbox it is.
struct Found {
  std::string mailbox;  ///< canonical; INBOX first
  std::string path;
};
/// kTrouble where they are not this process's user's: what is written there would be nobody's to read. Blocks.
Result<> check_owner(const Location& location);
/// The boxes that are there, without INBOX where its box is missing. Blocks. kTrouble: the location itself is not
/// there or cannot be read, which says nothing of the mail in it.
Result<std::vector<Found>> find_boxes(const Location& location);
/// Where a mailbox of this name lies, or would. Empty: in the own store alone, for the location has no room for it, or
/// a box of that path would be found under another name.
std::string path_of(const Location& location, std::string_view mailbox);
/// Whether a box of this path belongs to the location.
bool is_in(const Location& location, const std::string& path);

/// Whose an mbox file is that is there already.
enum class Owner : std::uint8_t { anybody, self };
/// An empty box, and the folders that lead to it. One that is there stays. Blocks. kTrouble.
Result<> make_box(const Location& location, const std::string& path, Owner owner = Owner::anybody);
/// Under another name; folders that lead there are made. What is there is not replaced. Blocks. kTrouble.
Result<> rename_box(const Location& location, const std::string& from, const std::string& to);
/// An empty box; one with mail in it stays (kTrouble). Blocks.
Result<> remove_box(const Location& location, const std::string& path);

}  // namespace angarium::location
