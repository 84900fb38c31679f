// What a program writes to sendmail, made a message: line ends, the end by a dot, the header with what it lacks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "message/date.h"

namespace angarium::drop {

/// The header is longer than kHeaderMax, or names what is no address or too many.
inline constexpr ErrorKind kBadLetter{"drop.bad-letter", Fault::user, Lasting::permanent};

/// Octets of a header, which is held in memory; as the server's own limit for what users submit.
inline constexpr std::size_t kHeaderMax = 256 * 1024;

enum class DotLine { ends, is_text };

/// Line ends: LF, CR LF and CR alone each become CR LF, so that nothing after us can take one for another. A first line
/// "From " (the separator of mbox files) is dropped. Everything else, also NUL, stays. Constant memory, linear.
class Lines {
 public:
  explicit Lines(DotLine dot) : dot_ends_(dot == DotLine::ends) {}

  /// Appends what the next octets become. What comes after the end is dropped.
  void feed(std::string_view octets, std::string& out);
  /// The program's output is over; an unfinished last line is ended.
  void finish(std::string& out);
  /// A dot alone has ended the message.
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  void text(std::string_view octets, std::string& out);
  void end_line(std::string& out);
  [[nodiscard]] bool undecided() const;

  bool dot_ends_;
  bool ended_ = false;
  bool after_cr_ = false;
  bool first_ = true;     ///< line of the message
  bool open_ = false;     ///< the line is known to be text, or to be dropped
  bool dropped_ = false;  ///< this line
  std::string held_;      ///< beginning of a line that may be more than text
};

/// Holds the header of a message with CR LF line ends until it is whole. A line that is no field ends it, and an empty
/// line is put before that line: so do others, and a message without any header is all body.
class Head {
 public:
  /// kBadLetter. What is not header is in rest() once done().
  Result<> feed(std::string_view octets);
  /// The message is over.
  void finish();
  [[nodiscard]] bool done() const { return done_; }
  /// The fields, each with its line end, without the empty line.
  [[nodiscard]] std::string& fields() { return fields_; }
  /// The beginning of the body.
  [[nodiscard]] const std::string& rest() const { return rest_; }

 private:
  enum class Kind { field, empty, body };
  [[nodiscard]] Kind judge(std::string_view line) const;

  std::string fields_;
  std::string rest_;
  std::size_t line_ = 0;  ///< where the line begins that is not judged yet
  bool done_ = false;
};

/// Of To, Cc and Bcc, or of the Resent fields where there are any; each once. kBadLetter.
Result<std::vector<std::string>> header_recipients(std::string_view fields);

/// Adds Date if there is none. From and Message-ID are the server's to add, which knows the domain.
void complete(std::string& fields, const message::DateTime& now);

}  // namespace angarium::drop
