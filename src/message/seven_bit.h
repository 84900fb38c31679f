// A message made fit for a hop that takes 7-bit text only (RFC 6152 §3 leaves the conversion to the sender), streaming
// from wherever it lies: memory grows with its parts, not with its octets.
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

/// Octets of a message that are read where they are wanted.
class MessageReader {
 public:
  virtual ~MessageReader() = default;
  /// Of the octets from `at` on, 1 at least and `most` at most; empty beyond the end. Valid until the next call.
  virtual Result<std::string_view> read(std::uint64_t at, std::size_t most) = 0;
};

class MessageInString final : public MessageReader {
 public:
  /// `octets` outlives the reader.
  explicit MessageInString(std::string_view octets) : octets_(octets) {}
  Result<std::string_view> read(std::uint64_t at, std::size_t most) override {
    if (at >= octets_.size()) return std::string_view();
    return octets_.substr(static_cast<std::size_t>(at), most);
  }

 private:
  std::string_view octets_;
};

/// Which bodies are given a coding, beside those with NUL, octets above 127 or lines above 998 octets.
enum class BareLineEnds : std::uint8_t {
  pass,    ///< none
  encode,  ///< those with a CR or LF that stands alone, which no hop but BDAT carries
};

/// Writes every body that is 8-bit, binary, or has NUL or lines above 998 octets in quoted-printable or base64 (RFC
/// 2045 §6.7, §6.8). Multiparts and enclosed messages, which may have no coding (RFC 2045 §6.4), are descended into;
/// octets above 127 in preambles and epilogues, which nobody shows, become "?". MIME-Version is added where a coding
/// is and it was not; a text that does not tell its charset is of "unknown-8bit" (RFC 1428 §3). What is clean already
/// stays octet for octet, and so do signed parts: `left()` tells of them. A DKIM signature over the body does not
/// outlive the conversion, which is better than no mail: who fails it counts as unsigned (RFC 6376 §6.1).
class SevenBitWriter {
 public:
  /// Octets that next() reads at once.
  static constexpr std::size_t kPiece = std::size_t{64} * 1024;
  /// Of a part's header, which is held while it is written; a part with a longer one stays as it is. Real ones have a
  /// few KiB.
  static constexpr std::size_t kHeaderMax = std::size_t{256} * 1024;

  /// Looks at the message: reads it three times. `reader` outlives the writer. Errors are the reader's.
  static Result<SevenBitWriter> make(MessageReader& reader, BareLineEnds bare = BareLineEnds::encode);
  /// The same with the structure of the message, which is read twice.
  static Result<SevenBitWriter> make(Structure structure, MessageReader& reader, BareLineEnds bare);

  /// Parts that could not be made 7-bit without damage and are as they were: signed ones (RFC 1847 §2.1), those whose
  /// type forbids a coding (RFC 2046 §5.2.2, §5.2.3), those in a coding that is not known (RFC 2045 §6.4), and those
  /// too deep to be opened. Not empty: the message may not go over a 7-bit hop.
  [[nodiscard]] const std::vector<std::uint32_t>& left() const { return left_; }
  /// A header has octets above 127: needs SMTPUTF8, or ascii_headers() first.
  [[nodiscard]] bool eight_bit_header() const { return eight_bit_header_; }
  /// Appends the next octets, some kPiece of them; false: there were no more. Errors are the reader's.
  Result<bool> next(std::string& out);
  /// Begins anew.
  void rewind();

 private:
  enum class Sort : std::uint8_t { other, text, stays };
  struct Looked {
    Sort sort = Sort::other;
    bool global = false;         // message/global: may have a coding
    std::size_t begin = 0;       // first segment
    std::size_t body_begin = 0;  // first segment behind the header
    std::size_t end = 0;         // behind the last segment
    std::uint64_t high = 0;      // octets above 127 of a text's content
    std::uint64_t content = 0;   // octets of it
  };
  struct Segment {
    enum class Kind : std::uint8_t { header, body, between } kind;
    std::uint32_t part;
    std::uint64_t begin;
    std::uint64_t end;
    bool clean = true;
  };
  struct Step {
    enum class Kind : std::uint8_t { copy, ascii, header, encode } kind;
    std::uint32_t part = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    Encoding coding = Encoding::seven_bit;
  };

  SevenBitWriter(Structure structure, MessageReader& reader, BareLineEnds bare)
      : structure_(std::move(structure)), reader_(&reader), bare_(bare) {}
  void divide(std::uint32_t index);
  void segment(Segment::Kind kind, std::uint32_t part, std::uint64_t begin, std::uint64_t end);
  Result<> look();
  Result<> look_at_type(std::uint32_t index);
  Result<> look_at_content(std::uint32_t index);
  Result<std::string> text_of(Range range);
  [[nodiscard]] bool clean(const Looked& looked) const;
  void plan(std::uint32_t index);
  void plan_children(std::uint32_t index);
  void plan_leaf(std::uint32_t index, bool is_clean);
  void between(const Segment& segment);
  void copy(std::uint64_t begin, std::uint64_t end);
  Result<> write_header(const Step& step, std::string& out);
  void begin_coding(const Step& step);
  void encode(std::string_view octets, std::string& out);
  void end_coding(std::string& out);

  Structure structure_;
  MessageReader* reader_;
  BareLineEnds bare_;
  std::vector<Looked> looked_;
  std::vector<Segment> segments_;
  std::vector<Step> steps_;
  std::vector<std::uint32_t> left_;
  bool eight_bit_header_ = false;
  // where next() stands
  std::size_t step_ = 0;
  std::uint64_t at_ = 0;
  TransferDecoder decoder_{Encoding::seven_bit};
  Encoding coding_ = Encoding::seven_bit;
  Base64Encoder base64_;
  QuotedPrintableEncoder quoted_printable_{LineEnds::text};
  std::string decoded_;
};

}  // namespace angarium::message
