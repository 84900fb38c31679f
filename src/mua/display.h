// Messages as people read them: the line of a list, and the whole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mua/boxes.h"
#include "mua/settings.h"

namespace angarium::mua {

/// Octets of a text part that are shown.
inline constexpr std::size_t kShownMax = std::size_t{16} << 20;

/// A field's value as text, from a header with any line ends; empty without it.
std::string field_text(std::string_view header, std::string_view name);
/// Who wrote it: the name in words, else the address; visible().
std::string author(std::string_view header);

/// "Nov 22 13:02" of the Date field, where the reader is; blanks without one.
std::string short_date(std::string_view header, int zone_minutes);

/// Whether a list has to ask the box for what the header does not say: from whom, or when.
bool needs_envelope(std::string_view header);

/// "N  3 Anna B             Thu Nov 22 13:02   12/345   Subject", cut to the columns. `mark` stands before it. What
/// the header does not say of author and date is said of how the message came.
std::string list_line(std::size_t number, const Entry& entry, std::string_view header, const Came& came, char mark,
                      std::size_t columns, int zone_minutes);

enum class Fields : std::uint8_t {
  chosen,  ///< those that the settings show
  all,
  none,
};
/// The message as text: encoded words, codings and charsets decoded; of alternatives the plain one; HTML without its
/// tags; what is no text as a line that names it. Fit for a terminal.
std::string show(std::string_view message, const Settings& settings, Fields fields);

/// Whether its text is all that it holds besides its header: one plain text, shown whole.
bool is_shown_whole(std::string_view message);

/// The attachments and other parts that are no text: safe file names and decoded octets, one by one.
struct Detached {
  std::string name;  ///< never empty, without directories
  std::string type;  ///< "image/png"
  std::string octets;
};
std::vector<Detached> detach(std::string_view message);

}  // namespace angarium::mua
