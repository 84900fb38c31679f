// SMTP as programs say it to sendmail -bs: some end their lines with LF alone.
#pragma once

#include <string>
#include <string_view>

namespace angarium::drop {

/// Where the first line ends with LF alone, every bare LF of the session becomes CR LF; else nothing is changed, for a
/// session that counts octets (BDAT) is none of lines. In a session of lines a BDAT loses its argument, so that the
/// server ends it: its count would be wrong. Constant memory, linear.
class SmtpLines {
 public:
  /// Appends what the next octets become.
  void feed(std::string_view octets, std::string& out);

 private:
  enum class Ends { unknown, as_they_are, mended };
  void mend(std::string_view octets, std::string& out);
  void end_line();

  Ends ends_ = Ends::unknown;
  bool after_cr_ = false;
  bool in_data_ = false;
  std::string begin_;  ///< of the line, as much as tells what it is
};

}  // namespace angarium::drop
