// Dot-stuffing of SMTP, LMTP and POP3 (RFC 5321 §4.5.2, RFC 1939 §3) and what lines of a body look like, streaming.
//
// Readers and writers here pull: take() removes octets from the front of the input and returns the next run of result
// octets, nearly always a view into the input, so that nothing is copied:
//
//   while (!input.empty() && !reader.ended()) sink.append(reader.take(input));
#pragma once

#include <cstdint>
#include <string_view>

namespace angarium::message {

/// What has been seen in a run of lines. Feed it any cuts of the octets; the result is the same.
/// Not safe for use from two threads at once; copies are cheap.
class LineScanner {
 public:
  /// Looks at the next octets.
  void feed(std::string_view octets);

  [[nodiscard]] std::uint64_t octets() const { return octets_; }
  /// Line ends seen: CR LF pairs and bare LF.
  [[nodiscard]] std::uint64_t lines() const { return lf_; }
  /// CR without LF after it. A CR that is the very last octet so far counts.
  [[nodiscard]] std::uint64_t bare_cr() const { return cr_ - crlf_; }
  /// LF without CR before it.
  [[nodiscard]] std::uint64_t bare_lf() const { return lf_ - crlf_; }
  [[nodiscard]] std::uint64_t nul() const { return nul_; }
  /// Octets above 127.
  [[nodiscard]] std::uint64_t eight_bit() const { return high_; }
  /// Octets of the longest line, without its CR LF or LF; the unfinished last line counts.
  [[nodiscard]] std::uint64_t longest_line() const;
  /// The last octets were CR LF, or there were none yet.
  [[nodiscard]] bool at_line_start() const { return at_line_start_; }
  /// RFC 5321 §2.3.8: lines end with CR LF, and CR and LF stand nowhere else.
  [[nodiscard]] bool clean_line_ends() const { return bare_cr() == 0 && bare_lf() == 0; }

 private:
  friend class DotReader;
  friend struct LineScan;
  /// Scans up to the first dot that begins a line (DotReader's) or to `end`; returns where it stopped.
  const char* scan_to_dot(const char* p, const char* end);

  std::uint64_t octets_ = 0;
  std::uint64_t cr_ = 0;
  std::uint64_t lf_ = 0;
  std::uint64_t crlf_ = 0;
  std::uint64_t nul_ = 0;
  std::uint64_t high_ = 0;
  std::uint64_t longest_ = 0;
  std::uint64_t line_start_ = 0;  // offset of the line that is not finished
  bool after_cr_ = false;
  bool at_line_start_ = true;
};

/// Reads dot-stuffed data up to its end, which is CR LF . CR LF and nothing else (RFC 5321 §4.1.1.4): no other
/// combination of CR, LF and dots ends it, so a message cannot be smuggled in another one's data. The data begin at a
/// line start: a first line of a single dot is the end of an empty message.
class DotReader {
 public:
  /// The next run of message octets, dots unstuffed, taken from the front of `input`: a view into `input` or into
  /// static octets. May be empty though input was taken (an octet that may belong to the end is held back). After the
  /// end it takes nothing: what is left in `input` are the octets that follow the data.
  std::string_view take(std::string_view& input);

  /// The end of the data was read.
  [[nodiscard]] bool ended() const { return state_ == State::ended; }
  /// What the message (unstuffed, with the CR LF before the final dot) holds so far.
  [[nodiscard]] const LineScanner& seen() const { return seen_; }

 private:
  enum class State { text, dot, dot_cr, ended };
  std::string_view take_after_dot(std::string_view& input);
  LineScanner seen_;
  State state_ = State::text;
};

/// Writes a message as dot-stuffed data.
class DotWriter {
 public:
  /// The next run of stuffed octets for the octets it takes from the front of `message`: large views into `message`,
  /// and a static dot where one must be added.
  std::string_view take(std::string_view& message);
  /// What ends the data: ".\r\n", with a CR LF before it when the message did not end with one (RFC 5321 §4.1.1.4).
  [[nodiscard]] std::string_view finish() const { return at_line_start_ ? std::string_view(".\r\n") : "\r\n.\r\n"; }

 private:
  bool after_cr_ = false;
  bool at_line_start_ = true;
  bool stuffed_ = false;  // the dot that `message` begins with was doubled already
};

/// Gives every line the end CR LF: a bare CR or a bare LF becomes one.
class LineEndNormalizer {
 public:
  /// The next run of octets with right line ends, taken from the front of `input`: a view into it or static octets.
  std::string_view take(std::string_view& input);
  /// What is still held back after the last octet: the line end of a last bare CR, or nothing.
  std::string_view finish();

 private:
  bool after_cr_ = false;
};

}  // namespace angarium::message
