// Where an account's mail lies besides the own store: its location, as Dovecot's mail_location says it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace angarium::location {

/// A text that is no location, or a box with a name that cannot be one here: the words say why.
inline constexpr ErrorKind kBadLocation{"location.bad", Fault::user, Lasting::permanent};
/// The boxes cannot be reached or are not what they were: nothing was changed, try again.
inline constexpr ErrorKind kTrouble{"location.trouble", Fault::dependency, Lasting::temporary};

/// Octets of a location's text: two paths.
inline constexpr std::size_t kLocationMax = 8192;

struct Location {
  enum class Form : std::uint8_t { maildir, mbox };
  Form form = Form::maildir;
  std::string inbox;    ///< the Maildir++, or the mbox file of INBOX
  std::string folders;  ///< of mbox: the folder of the other boxes; empty: they lie in the own store alone
  friend bool operator==(const Location&, const Location&) = default;
};

/// "maildir:/home/anna/Maildir", "mbox:/var/mail/anna", "mbox:/home/anna/mail:INBOX=/var/mail/anna". Paths begin with
/// '/', without controls or parts "..". kBadLocation.
Result<Location> parse_location(std::string_view text);
/// What parse_location() reads back.
std::string format_location(const Location& location);

/// A box of the location and the mailbox it is.
struct Found {
  std::string mailbox;  ///< canonical; INBOX first
  std::string path;
};
/// The boxes that are there, without INBOX where its box is missing. Blocks. kTrouble: the location itself is not
/// there or cannot be read, which says nothing of the mail in it.
Result<std::vector<Found>> find_boxes(const Location& location);
/// Where a mailbox of this name lies, or would. Empty: in the own store alone.
std::string path_of(const Location& location, std::string_view mailbox);

/// An empty box, and the folders that lead to it. One that is there stays. Blocks. kTrouble.
Result<> make_box(const Location& location, const std::string& path);
/// Under another name; folders that lead there are made. What is there is not replaced. Blocks. kTrouble.
Result<> rename_box(const Location& location, const std::string& from, const std::string& to);
/// An empty box; one with mail in it stays (kTrouble). Blocks.
Result<> remove_box(const Location& location, const std::string& path);

}  // namespace angarium::location
