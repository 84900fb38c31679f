#include "drop/options.h"

#include "base/text.h"
#include "message/address.h"

namespace angarium::drop {
namespace {

/// With an argument, attached or the next word; of these, those that do nothing here as in Postfix's sendmail(1).
constexpr std::string_view kIgnoredWithArgument = "ABCLOXehop";
constexpr std::string_view kIgnored = "GUcmnvx";
constexpr std::string_view kWithArgument = "FNRVbfr";

Result<envelope::Notify> parse_notify(std::string_view text) {
  envelope::Notify notify;
  if (equals_ignore_case(text, "never")) {
    notify.never = true;
    return notify;
  }
  while (!text.empty()) {
    const std::string_view word = trim(take_until(text, ','));
    if (equals_ignore_case(word, "success"))
      notify.success = true;
    else if (equals_ignore_case(word, "failure"))
      notify.failure = true;
    else if (equals_ignore_case(word, "delay"))
      notify.delay = true;
    else
      return fail(kUsage, "-N takes never, or of success, failure and delay a list with commas");
  }
  if (notify == envelope::Notify()) return fail(kUsage, "-N takes never, or a list of success, failure and delay");
  return notify;
}

Result<std::string> parse_sender(std::string_view text) {
  text = trim(text);
  if (text.empty() || text == "<>") return std::string();
  auto addresses = addresses_of(text);
  if (!addresses || addresses->size() != 1)
    return fail(kUsage, "'" + escape_controls(text) + "' is not one address of a sender");
  return std::move(addresses->front());
}

class Parser {
 public:
  explicit Parser(std::span<const std::string> words) : words_(words) {}

  Result<Options> parse() {
    bool options_over = false;
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (!options_over && word == "--") {
        options_over = true;
      } else if (!options_over && word.size() > 1 && word.starts_with('-')) {
        TRY(cluster(std::string_view(word).substr(1)));
      } else {
        TRY(recipient(word));
      }
    }
    return std::move(options_);
  }

 private:
  /// "-oi", "-ti", "-fanna": letters up to the first that takes an argument.
  Result<> cluster(std::string_view letters) {
    while (!letters.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      // These have their argument attached or none: "-q", "-qIid", "-d7".
      if (letter == 'q' || letter == 'd') {
        return letter == 'q' ? queue(letters) : Result<>();
      }
      if (kIgnoredWithArgument.contains(letter) || kWithArgument.contains(letter)) {
        const std::string_view argument = letters.empty() ? TRY(next(letter)) : letters;
        return kWithArgument.contains(letter) ? with_argument(letter, argument) : ignored(letter, argument);
      }
      TRY(flag(letter));
    }
    return {};
  }

  /// "-q", "-qIid" and "-qRdomain" as with Postfix; how often a queue is run is the server's own affair ("-q30m").
  Result<> queue(std::string_view argument) {
    if (argument.empty()) {
      options_.mode = Mode::flush;
    } else if (argument.starts_with('I') || argument.starts_with('R')) {
      options_.mode = Mode::flush;
      options_.what = argument.substr(1);
      if (options_.what.empty()) return fail(kUsage, "-qI takes the id of a message, -qR a domain");
    } else if (!is_digit(argument.front())) {
      return fail(kUsage, "there is no option -q" + escape_controls(argument));
    }
    return {};
  }

  Result<std::string_view> next(char letter) {
    if (++at_ >= words_.size()) return fail(kUsage, std::string("-") + letter + " takes an argument");
    return std::string_view(words_[at_]);
  }

  Result<> flag(char letter) {
    if (letter == 't') {
      options_.header_recipients = true;
    } else if (letter == 'i') {
      options_.dot_ends = false;
    } else if (letter == 'I') {
      options_.mode = Mode::new_aliases;
    } else if (!kIgnored.contains(letter)) {
      return fail(kUsage, "there is no option -" + escape_controls({&letter, 1}));
    }
    return {};
  }

  Result<> ignored(char letter, std::string_view argument) {
    if (letter == 'o' && argument == "i") options_.dot_ends = false;
    return {};
  }

  Result<> with_argument(char letter, std::string_view argument) {
    switch (letter) {
      case 'F': options_.name = argument; return {};
      case 'N': options_.notify = TRY(parse_notify(argument)); return {};
      case 'R':
        if (equals_ignore_case(argument, "hdrs"))
          options_.ret = envelope::Return::headers;
        else if (equals_ignore_case(argument, "full"))
          options_.ret = envelope::Return::full;
        else
          return fail(kUsage, "-R takes hdrs or full");
        return {};
      case 'V':
        // RFC 3461 §4.4: printable ASCII; written as xtext it may be three times as long.
        for (const char c : argument)
          if (is_control(c) || !is_ascii(c)) return fail(kUsage, "-V takes printable ASCII");
        if (argument.empty() || argument.size() > envelope::kEnvelopeIdMax)
          return fail(kUsage, "-V takes 1 to 100 characters");
        options_.envelope_id = argument;
        return {};
      case 'b': return mode(argument);
      default: options_.sender = TRY(parse_sender(argument)); return {};
    }
  }

  Result<> mode(std::string_view letter) {
    if (letter == "m")
      options_.mode = Mode::deliver;
    else if (letter == "p")
      options_.mode = Mode::list_queue;
    else if (letter == "i")
      options_.mode = Mode::new_aliases;
    else if (letter == "s")
      options_.mode = Mode::smtp;
    else if (letter == "v")
      options_.mode = Mode::verify;
    else if (letter == "d" || letter == "D")
      return fail(kUsage, "the server is started by: angarium serve");
    else
      return fail(kUsage, "there is no mode -b" + escape_controls(letter));
    return {};
  }

  Result<> recipient(std::string_view word) {
    auto addresses = addresses_of(word);
    if (!addresses || addresses->empty()) return fail(kUsage, "'" + escape_controls(word) + "' is no address");
    for (std::string& address : *addresses) options_.recipients.push_back(std::move(address));
    if (options_.recipients.size() > kRecipientsMax)
      return fail(kUsage, "more than " + std::to_string(kRecipientsMax) + " recipients");
    return {};
  }

  std::span<const std::string> words_;
  std::size_t at_ = 0;
  Options options_;
};

}  // namespace

std::optional<std::vector<std::string>> addresses_of(std::string_view list) {
  std::vector<std::string> specs;
  for (const message::Address& address : message::parse_addresses(list).addresses) {
    std::string spec = address.spec();
    if (address.local_part.empty()) return std::nullopt;
    for (const char c : spec)
      if (is_control(c)) return std::nullopt;
    specs.push_back(std::move(spec));
  }
  return specs;
}

Result<Options> parse_options(std::span<const std::string> arguments) { return Parser(arguments).parse(); }

}  // namespace angarium::drop
