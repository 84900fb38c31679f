// Content transfer codings (RFC 2045 §6), streaming both ways. Input comes in any cuts, which make no difference;
// output is appended to a string the caller owns and may empty between calls. No allocation a line.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "message/structure.h"

namespace angarium::message {

/// Undoes base64 (RFC 2045 §6.8). Octets outside the alphabet are passed over, padding may be missing, and data after
/// padding go on (concatenated encodings).
class Base64Decoder {
 public:
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);
  /// Something but line ends was passed over, or the end was cut within an octet.
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  void feed_one(char c, std::string& out);
  void end_quantum(std::string& out);
  std::uint32_t bits_ = 0;
  int count_ = 0;  // sextets in bits_
  bool damaged_ = false;
};

/// Undoes quoted-printable (RFC 2045 §6.7). Blanks before a line end go, soft line breaks may have blanks after the
/// "=", small hexadecimal digits count, and a "=" that begins nothing stays as it is.
class QuotedPrintableDecoder {
 public:
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);
  /// A "=" began neither an octet nor a soft line break.
  [[nodiscard]] bool damaged() const { return damaged_; }

  /// Blanks between "=" and a line end that are passed over: a whole line of them (RFC 5322 §2.1.1).
  static constexpr std::size_t kSoftBlanksMax = 998;

 private:
  void decode(std::string_view octets, std::string& out);
  std::string held_;     // blanks and CR that a line end may follow
  std::string pending_;  // "=" and what follows, not yet understood
  bool damaged_ = false;
};

/// Undoes uuencoding (POSIX uuencode): from the line "begin MODE NAME" to "end". What stands outside is passed over.
class UuDecoder {
 public:
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);
  /// No block was found, it did not end, or a line in it was none of uuencode.
  [[nodiscard]] bool damaged() const { return damaged_ || state_ != State::after; }
  /// The name in the "begin" line.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  enum class State : std::uint8_t { before, inside, after };
  void line(std::string_view text, std::string& out);
  std::string line_;  // a line whose end has not come; beyond kLineMax octets it is none of ours
  std::string name_;
  State state_ = State::before;
  bool damaged_ = false;
};

/// Undoes any coding; the identity codings and unknown ones pass octets through.
class TransferDecoder {
 public:
  explicit TransferDecoder(Encoding encoding) : encoding_(encoding) {}
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);
  [[nodiscard]] bool damaged() const;

 private:
  Encoding encoding_;
  Base64Decoder base64_;
  QuotedPrintableDecoder quoted_printable_;
  UuDecoder uu_;
};

/// All octets at once.
std::string decode_transfer(Encoding encoding, std::string_view octets);
/// How many octets decode_transfer() would give. Decodes in small steps; no memory.
std::uint64_t decoded_size(Encoding encoding, std::string_view octets);

/// Encodes as base64 in lines of 76 octets with CR LF after each.
class Base64Encoder {
 public:
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);

 private:
  void put(const char* triple, std::string& out);
  std::array<char, 3> held_{};
  std::size_t held_size_ = 0;
  std::size_t column_ = 0;
};

/// What CR LF means to the quoted-printable encoder.
enum class LineEnds : std::uint8_t {
  text,    ///< a line end, kept as one; bare CR and LF are encoded
  binary,  ///< octets like all others (RFC 2045 §6.7 rule 4)
};

/// Encodes as quoted-printable in lines of at most 76 octets. "From " and a lone "." at a line's beginning are encoded
/// too, so that neither mbox files nor careless SMTP hurt the text (RFC 2049 §3 and RFC 5321 §4.5.2).
class QuotedPrintableEncoder {
 public:
  explicit QuotedPrintableEncoder(LineEnds line_ends) : line_ends_(line_ends) {}
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);

 private:
  enum class Next : std::uint8_t { octet, dash, line_end, end };
  void put(char c, Next next, std::string& out);
  void put_octet(char c, bool literal, Next next, std::string& out);
  void line_end(std::string& out);
  LineEnds line_ends_;
  std::string held_;  // an octet or CR whose successor decides how it is written
  std::size_t column_ = 0;
  std::size_t from_ = 0;  // octets of "From " that the line began with
};

}  // namespace angarium::message
