// The attachments of a message: what a person would see as files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "message/structure.h"

namespace angarium::message {

struct Attachment {
  std::uint32_t part = 0;      ///< in Structure::parts
  std::string name;            ///< file name as UTF-8, without directories and controls; may be empty
  std::string type;            ///< "type/subtype" in lower case
  std::uint64_t size = 0;      ///< octets when decoded
  bool is_inline = false;      ///< a picture or the like shown within the text (RFC 2183 §2.1, RFC 2392)
  std::uint64_t uu_begin = 0;  ///< a uuencoded block within a text part: its place in the decoded part …
  std::uint64_t uu_size = 0;   ///< … and its octets; 0 for a whole part
};

/// In the order of the parts. Attachments are: parts with Content-Disposition "attachment" or a file name, leaves that
/// are no text, enclosed messages (whose own parts are theirs), and uuencoded blocks in text/plain.
std::vector<Attachment> find_attachments(const Structure& structure, std::string_view message);

/// The file name of a part (RFC 2183 §2.3, then the "name" of Content-Type), decoded; empty when it has none.
std::string part_file_name(const Part& part, std::string_view message);

}  // namespace angarium::message
