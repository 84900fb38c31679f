// The MIME structure of a message (RFC 2045, RFC 2046), found in one pass over its octets and kept as offsets: nothing
// of the message is copied, and the tree is answered from for the rest of the message's life without parsing again.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::message {

/// Levels of multiparts and enclosed messages that are opened. Real mail has fewer than ten; each level costs a
/// comparison at lines that begin with "--".
inline constexpr std::size_t kDepthMax = 100;
/// Parts of one message. What follows the last one belongs to its body. Bounds the memory one message can ask for.
inline constexpr std::size_t kPartsMax = 10'000;
/// Octets of a header field that are looked at for its meaning (Content-Type …), and of a line that may be a boundary.
inline constexpr std::size_t kFieldMax = std::size_t{64} * 1024;
/// Octets of a boundary. RFC 2046 §5.1.1 allows 70; far longer ones are in use.
inline constexpr std::size_t kBoundaryMax = std::size_t{16} * 1024;

/// Octets [begin, begin + size) of the message.
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
  [[nodiscard]] std::uint64_t end() const { return begin + size; }
  /// The octets themselves; what lies beyond the message is cut off.
  [[nodiscard]] std::string_view of(std::string_view message) const {
    if (begin >= message.size()) return {};
    return message.substr(begin, size);
  }
  friend bool operator==(const Range&, const Range&) = default;
};

/// Content-Transfer-Encoding (RFC 2045 §6).
enum class Encoding : std::uint8_t { seven_bit, eight_bit, binary, quoted_printable, base64, uuencode, unknown };
/// The octets stand as they are: no coding to undo.
constexpr bool is_identity(Encoding encoding) { return encoding <= Encoding::binary; }
/// The word for the field, in lower case; empty for `unknown`.
std::string_view encoding_name(Encoding encoding);
/// Reads a Content-Transfer-Encoding value leniently: comments and junk after the word are ignored.
Encoding parse_encoding(std::string_view value);

enum class PartKind : std::uint8_t {
  leaf,       ///< a body of its own, and what was too deep to open
  multipart,  ///< has children; none when it has no boundary or the boundary never came
  message,    ///< message/rfc822 or message/global: has one child, the enclosed message
};

/// What was not as the standards have it. None of it stops the parser.
enum class Defect : std::uint8_t {
  malformed_field,    ///< a header line that is no field (RFC 5322 §2.2); where it is the first, the part has no header
  oversize_field,     ///< a Content field beyond kFieldMax: cut
  duplicate_field,    ///< a Content field stands twice: the first counts
  bad_content_type,   ///< Content-Type that is not type/subtype: text/plain (RFC 2045 §5.2)
  unknown_encoding,   ///< Content-Transfer-Encoding of an unknown name (RFC 2045 §6.4)
  encoded_composite,  ///< multipart or message with a coding other than identity (RFC 2045 §6.4)
  no_boundary,        ///< multipart without a usable boundary parameter (RFC 2046 §5.1.1)
  boundary_never_came,  ///< multipart without a part
  unterminated,         ///< multipart without its close-delimiter
  too_deep,             ///< beyond kDepthMax: not opened
  too_many_parts,       ///< beyond kPartsMax: the rest was not divided
};
inline constexpr std::size_t kDefects = 11;
std::string_view defect_name(Defect defect);

/// The header fields of a part whose place is kept.
enum class PartField : std::uint8_t { type, encoding, id, description, disposition, language, location, md5 };
inline constexpr std::size_t kPartFields = 8;

inline constexpr std::uint32_t kNoPart = std::numeric_limits<std::uint32_t>::max();

/// One part. Offsets count from the beginning of the message.
struct Part {
  std::uint64_t header_begin = 0;
  std::uint64_t body_begin = 0;  ///< just after the empty line
  std::uint64_t body_end = 0;    ///< without the line end that belongs to the delimiter (RFC 2046 §5.1.1)
  std::uint64_t lines = 0;       ///< line ends in the body
  std::uint32_t parent = kNoPart;
  std::uint32_t first_child = kNoPart;
  std::uint32_t next_sibling = kNoPart;
  PartKind kind = PartKind::leaf;
  Encoding encoding = Encoding::seven_bit;
  bool eight_bit_header = false;  ///< octets above 127 in the header
  std::uint16_t defects = 0;      ///< bit n stands for Defect n
  Range type;                     ///< the word before "/"; empty: by default (RFC 2045 §5.2, RFC 2046 §5.1.5)
  Range subtype;
  std::array<Range, kPartFields>
      fields{};  ///< values between colon and last line end; size 0 with begin 0: no such field

  [[nodiscard]] Range header() const { return {header_begin, body_begin - header_begin}; }
  [[nodiscard]] Range body() const { return {body_begin, body_end - body_begin}; }
  [[nodiscard]] const Range& field(PartField which) const { return fields[static_cast<std::size_t>(which)]; }
  [[nodiscard]] bool has(PartField which) const { return field(which).begin != 0; }
  [[nodiscard]] bool has(Defect defect) const { return (defects >> static_cast<unsigned>(defect) & 1) != 0; }
  friend bool operator==(const Part&, const Part&) = default;
};

/// The tree. parts[0] is the message itself; a part stands before its children, children in their order.
class Structure {
 public:
  std::vector<Part> parts;
  std::uint64_t size = 0;  ///< octets of the message

  [[nodiscard]] const Part& root() const { return parts.front(); }
  /// Media type and subtype in lower case, with defaults filled in: text/plain, or message/rfc822 in a digest.
  [[nodiscard]] std::string type(const Part& part, std::string_view message) const;
  [[nodiscard]] std::string subtype(const Part& part, std::string_view message) const;
  [[nodiscard]] bool is_type(const Part& part, std::string_view message, std::string_view type,
                             std::string_view subtype = {}) const;
  /// All parts' defects together, as bits.
  [[nodiscard]] std::uint16_t defects() const;
  friend bool operator==(const Structure&, const Structure&) = default;

 private:
  [[nodiscard]] bool digest_child(const Part& part, std::string_view message) const;
};

/// Finds the structure of a message fed in chunks of any size; the cuts make no difference. Linear in the octets on any
/// input; memory grows with parts, not with octets or lines. Not for two threads at once.
class StructureParser {
 public:
  StructureParser();
  void feed(std::string_view octets);
  /// Ends the message and gives its structure. The parser is used up.
  Structure finish();

  /// For who reads along. Where the parser stands: tells of all that was fed when that ended with a line's end.
  struct Place {
    std::uint32_t part = 0;  ///< the innermost open part; in a preamble or epilogue the multipart
    bool in_header = true;
  };
  [[nodiscard]] Place place() const { return {levels_.back().part, in_header_}; }
  /// The parts begun so far. Header, kind and coding of those whose header has ended do not change any more.
  [[nodiscard]] const std::vector<Part>& parts() const { return structure_.parts; }
  /// Whether a line of a body that begins so is a delimiter; `open`: what follows decides. While there are fewer than
  /// kPartsMax parts, a delimiter stays one whatever follows.
  enum class Delimiter : std::uint8_t { no, open, yes };
  [[nodiscard]] Delimiter delimiter(std::string_view line_begin) const;

 private:
  enum class State : std::uint8_t { preamble, inside, epilogue };
  /// An open part. The last one is the part being read.
  struct Level {
    std::uint32_t part = 0;
    std::uint32_t last_child = kNoPart;
    std::uint32_t boundary_begin = 0;  // in boundaries_
    std::uint32_t boundary_size = 0;   // 0: no multipart, or one that cannot be divided
    State state = State::preamble;
    bool digest = false;
    std::uint64_t lines_before_body = 0;
  };
  struct Match {
    std::size_t level;
    bool closes;
  };
  /// A whole line, or as much of it as is kept, and its true size.
  struct Line {
    std::string_view octets;
    std::uint64_t size;
    std::uint64_t line_end;  // octets of its LF or CR LF
  };

  void feed_header(std::string_view& octets);
  void feed_body(std::string_view& octets);
  void keep(std::string_view& octets);
  void kept_line();
  static Line whole_line(std::string_view octets);
  void header_line(const Line& line);
  bool begin_field(const Line& line);
  void take_value(const Line& line, std::size_t from);
  void end_field();
  bool boundary_line(const Line& line);
  bool boundary_in_header(const Line& line);
  [[nodiscard]] std::optional<Match> match(std::string_view line) const;
  void begin_part(std::uint64_t at);
  void end_header(std::uint64_t body_begin, std::uint64_t lines);
  void open_content(std::uint64_t body_begin);
  void open_multipart(std::string_view boundary);
  void end_levels(std::size_t keep_levels, std::uint64_t end, std::uint64_t lines);
  void pass_line(const Line& line);
  void pass_octets(std::string_view octets);
  [[nodiscard]] std::uint64_t line_end_before() const;
  Part& current() { return structure_.parts[levels_.back().part]; }
  [[nodiscard]] bool dividing() const { return open_boundaries_ != 0 && !full_; }

  Structure structure_;
  std::vector<Level> levels_;
  std::string boundaries_;           // of the open levels, one after another
  std::size_t open_boundaries_ = 0;  // levels whose delimiter may come
  std::string line_;                 // the beginning of a line whose end has not come
  std::uint64_t line_size_ = 0;      // how long it is so far; more than is kept beyond kFieldMax
  std::array<char, 2> line_tail_{};  // its last two octets
  bool keeping_ = false;
  std::string field_;     // value of the Content-Type or encoding field
  int field_index_ = -1;  // the Content field that goes on, -1 for none
  bool content_type_seen_ = false;
  std::string content_type_;     // value of the current header's Content-Type
  std::string header_boundary_;  // its boundary, if it is a multipart's
  std::uint64_t offset_ = 0;     // of the next octet
  std::uint64_t lines_ = 0;      // line ends before offset_
  std::array<char, 2> tail_{};   // the two octets before offset_
  std::uint64_t value_end_ = 0;  // of the Content field that goes on
  bool in_header_ = true;
  bool at_line_start_ = true;
  bool full_ = false;  // kPartsMax reached
};

/// The structure of a whole message.
Structure parse_structure(std::string_view message);

/// The structure as a compact octet string that is stored beside the message. Version 1.
std::string serialize(const Structure& structure);
/// Reads it back. Nothing when the octets are no such structure, or offsets in it lie outside the message or the part
/// they belong to: what is given may be used without further checks on a message of structure.size octets.
std::optional<Structure> deserialize(std::string_view octets);

}  // namespace angarium::message
