#include "mua/options.h"

#include <optional>

#include "base/text.h"
#include "message/header.h"
#include "mua/error.h"

namespace angarium::mua {
namespace {

constexpr std::string_view kWithArgument = "AScrsbau";
constexpr std::string_view kFlags = "BEFHNRVdeintv~#";

/// "Name: value", or nothing for what is rather a file.
std::optional<std::pair<std::string, std::string>> as_field(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !message::valid_field_name(text.substr(0, colon))) return std::nullopt;
  const std::string_view value = text.substr(colon + 1);
  if (text.substr(0, colon).contains('/') || !(value.empty() || is_wsp(value.front()))) return std::nullopt;
  return std::pair(std::string(text.substr(0, colon)), std::string(trim(value)));
}

class Parser {
 public:
  explicit Parser(std::span<const std::string> words) : words_(words) {}

  Result<Options> parse() {
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (word == "--") {
        rest();
        break;
      }
      if (word.size() > 1 && word.starts_with('-')) {
        TRY(cluster(std::string_view(word).substr(1)));
      } else {
        operands_.push_back(word);
      }
    }
    TRY(settle());
    return std::move(options_);
  }

 private:
  /// Addresses behind "--", then words for sendmail behind a second one; those follow the first where addresses stood
  /// before it: "mail -s x anna -- -f bob".
  void rest() {
    bool for_sendmail = !operands_.empty() && at_ + 1 < words_.size() && words_[at_ + 1].starts_with('-');
    for (++at_; at_ < words_.size(); ++at_) {
      if (!for_sendmail && words_[at_] == "--") {
        for_sendmail = true;
      } else {
        (for_sendmail ? options_.submission : operands_).push_back(words_[at_]);
      }
    }
  }

  Result<> cluster(std::string_view letters) {
    while (!letters.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      if (letter == 'f') {
        options_.has_file = true;
        options_.file = letters;
        return {};
      }
      if (kWithArgument.contains(letter)) {
        if (letters.empty() && ++at_ >= words_.size())
          return fail(kUsage, std::string("-") + letter + " takes an argument");
        return with_argument(letter, letters.empty() ? std::string_view(words_[at_]) : letters);
      }
      if (!kFlags.contains(letter)) return fail(kUsage, "there is no option -" + escape_controls({&letter, 1}));
      flag(letter);
    }
    return {};
  }

  void flag(char letter) {
    switch (letter) {
      case 'E': options_.discard_empty = true; break;
      case 'H': options_.task = Task::headers; break;
      case 'e': options_.task = Task::exists; break;
      case 'N': options_.no_headers = true; break;
      case 'R': options_.read_only = true; break;
      case 'd': options_.dry_run = true; break;
      case 'i': options_.ignore_interrupts = true; break;
      case 'n': options_.no_system_settings = true; break;
      case 't': options_.header_recipients = true; break;
      case '~': options_.escapes = true; break;
      // -B, -F, -V, -v and -# change nothing here.
      default: break;
    }
  }

  Result<> with_argument(char letter, std::string_view argument) {
    switch (letter) {
      case 'A': options_.attachments.emplace_back(argument); break;
      case 'S': options_.settings.emplace_back(argument); break;
      case 'b': options_.bcc.emplace_back(argument); break;
      case 'c': options_.cc.emplace_back(argument); break;
      case 'r': options_.from = argument; break;
      case 'u': options_.user = argument; break;
      case 's':
        options_.subject = argument;
        options_.has_subject = true;
        break;
      default:
        if (auto field = as_field(argument))
          options_.fields.push_back(*std::move(field));
        else
          options_.attachments.emplace_back(argument);
        break;
    }
    return {};
  }

  Result<> settle() {
    // "-f" takes the last operand, as with POSIX; "-fFILE" has it already.
    if (options_.has_file && options_.file.empty() && !operands_.empty()) {
      options_.file = operands_.back();
      operands_.pop_back();
    }
    const bool reads = options_.has_file || !options_.user.empty() || options_.task != Task::read;
    const bool sends = options_.header_recipients || options_.has_subject || !options_.cc.empty() ||
                       !options_.bcc.empty() || !options_.attachments.empty() || !options_.fields.empty();
    if (reads && (sends || !operands_.empty()))
      return fail(kUsage, "reading (-e, -f, -H, -u) and sending (addresses, -a, -b, -c, -s, -t) do not go together");
    options_.to = std::move(operands_);
    if (!sends && options_.to.empty()) return {};
    if (!reads) options_.task = Task::send;
    if (options_.to.empty() && options_.cc.empty() && options_.bcc.empty() && !options_.header_recipients)
      return fail(kUsage, "no recipient: name one, or say -t to take those of the header");
    return {};
  }

  std::span<const std::string> words_;
  std::size_t at_ = 0;
  std::vector<std::string> operands_;
  Options options_;
};

}  // namespace

Result<Options> parse_options(std::span<const std::string> arguments) { return Parser(arguments).parse(); }

std::string_view usage() {
  return "mail [-s SUBJECT] [-c CC] [-b BCC] [-r FROM] [-a FILE | -a 'NAME: VALUE'] [-A FILE] [-E] [-t] [-d] "
         "ADDRESS... "
         "[-- SENDMAIL-OPTION...]\n"
         "     sends standard input, or what is typed; ~? at the beginning of a line tells what can be done then\n"
         "mail [-f [FILE]] [-u USER] [-N] [-R]\n"
         "     reads mail; ? tells what can be done then\n"
         "mail -H | -e [-f [FILE]] [-u USER]\n"
         "     lists it, or ends with 0 when there is some\n"
         "-n: without /etc/mail.rc; -S NAME=VALUE: a setting, as in ~/.mailrc; -i: interrupts are ignored while a "
         "message is written\n";
}

}  // namespace angarium::mua
