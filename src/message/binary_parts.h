// Gives the parts of a message that are in binary coding a form which every reader may have: base64 (RFC 3030 §3, RFC
// 3516 §4.3). A literal has no NUL and a line of POP3 no bare CR or LF, so their octets would come out damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "message/coding.h"
#include "message/structure.h"

namespace angarium::message {

/// Octets of one part's header: it is held to have its coding rewritten. Real ones have a few KiB.
inline constexpr std::size_t kPartHeaderMax = std::size_t{256} * 1024;

/// The header of a part is longer than kPartHeaderMax, or the parts are kPartsMax or more.
inline constexpr ErrorKind kNotRewritable{"message.not-rewritable", Fault::user, Lasting::permanent};

/// Rewrites a message that is fed in chunks of any size; the cuts make no difference. Every leaf whose header says
/// "binary" becomes base64, whatever it holds, so that decoding gives the octets that came; multiparts and enclosed
/// messages, which may not be encoded (RFC 2045 §6.4), are called 8bit instead and their parts rewritten alike. All
/// else stays octet for octet. One pass; holds a part's header or the beginning of a line that may be a delimiter.
/// Not for two threads at once; used up by an error or finish().
class BinaryPartsWriter {
 public:
  /// Appends to `out` what is decided.
  Result<> feed(std::string_view octets, std::string& out);
  /// The message is whole: appends the rest.
  Result<> finish(std::string& out);

 private:
  enum class State : std::uint8_t {
    header,        // of part_, held
    passing,       // a body that stays
    passing_line,  // a line of it that begins with "--": a part may begin behind it
    encoding,
    encoding_line,  // a line of it that begins with "--", held
  };
  Result<> header(std::string_view& octets, std::string& out);
  void passing(std::string_view& octets, std::string& out);
  void passing_line(std::string_view& octets, std::string& out);
  void encoding(std::string_view& octets, std::string& out);
  void encoding_line(std::string_view& octets, std::string& out);
  void header_ended(const std::vector<Part>& parts, const StructureParser::Place* place, std::string& out);
  void put_header(const Part& part, std::string& out) const;
  void follow();
  void encode(std::string_view octets, std::string& out);
  void end_encoding(std::string& out);

  StructureParser parser_;
  Base64Encoder encoder_;
  std::string held_;      // the header of part_; or the beginning of a line
  std::string line_end_;  // that the encoded octets end with: it belongs to a delimiter that follows
  std::uint32_t part_ = 0;
  State state_ = State::header;
  bool at_line_start_ = true;
  bool encoded_ = false;  // octets of this part went to the encoder
};

}  // namespace angarium::message
