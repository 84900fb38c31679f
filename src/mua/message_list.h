// Lists of messages as mail(1) has them: "1 2-5 * $ . + - /words from :n :u anna ^ `".
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mua/boxes.h"

namespace angarium::mua {

/// What a list is looked up in.
struct Listing {
  const Box& box;
  std::size_t current = 0;                   ///< number of the dot
  const std::vector<std::size_t>& previous;  ///< the list before: "`"
  /// Values of header fields, decoded; "from" and "subject" in small letters. Read only where a list asks.
  std::function<std::string(std::size_t number, std::string_view field)> field;
};

/// Which messages a list without a word means, and whether deleted ones count.
enum class Wanted : std::uint8_t {
  present,  ///< those that are not deleted
  deleted,  ///< for undelete
};

/// Numbers from 0, in the order of the box (in that of the list where it is of numbers alone), each once. An empty text
/// is the dot. kUsage: a message that is not there, a list that matches none.
Result<std::vector<std::size_t>> parse_list(std::string_view text, const Listing& listing,
                                            Wanted wanted = Wanted::present);

}  // namespace angarium::mua
