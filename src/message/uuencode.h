// uuencoded blocks that stand in plain text, from before MIME: found so that they can be shown as attachments.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::message {

/// A whole block "begin MODE NAME" … "end" in a text.
struct UuBlock {
  std::size_t begin = 0;  ///< of the "begin" line
  std::size_t end = 0;    ///< behind the "end" line
  std::string name;
};

/// More blocks than anyone puts in one text; what follows is text.
inline constexpr std::size_t kUuBlocksMax = 1000;

/// The whole blocks, every line of which is right. Linear in the text.
std::vector<UuBlock> find_uuencoded(std::string_view text);

/// A line "begin MODE NAME" gives its name; other lines give nothing (an empty view whose data is null).
std::string_view uu_begin_name(std::string_view line);
/// Whether the line (without its end) is a line of data: a length, and as many octets as it needs, or a few more or,
/// where trailing blanks were cut, fewer.
bool is_uu_data(std::string_view line);
/// Appends what a line of data holds.
void decode_uu_line(std::string_view line, std::string& out);

}  // namespace angarium::message
