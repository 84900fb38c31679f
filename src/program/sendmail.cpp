// sendmail: how programs of this host hand in mail. Nothing here has more rights than its caller: the message goes into
// the drop folder, and the server, when it runs, is asked to take it from there at once.
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>

#include "base/random.h"
#include "base/text.h"
#include "configuration/configuration.h"
#include "control/client.h"
#include "drop/folder.h"
#include "drop/letter.h"
#include "drop/options.h"
#include "message/date.h"
#include "program/command_line.h"
#include "program/commands.h"
#include "program/hand_in.h"

namespace angarium::program {
namespace {

int complain(int code, std::string_view text) {
  fmt::print(stderr, "sendmail: {}\n", text);
  return code;
}

int complain(const Error& error) {
  if (error.is(drop::kUsage)) return complain(drop::kExitUsage, error.text());
  return complain(error.temporary() ? drop::kExitAgain : drop::kExitData, error.text());
}

Result<> check_addresses(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses)
    if (!drop::qualify(address, "localhost"))
      return fail(drop::kUsage, "'" + escape_controls(address) + "' is no address");
  return {};
}

/// Standard input as a message, read piece by piece.
class Input {
 public:
  explicit Input(drop::DotLine dot) : lines_(dot) {}

  /// The next octets with right line ends; empty at the end.
  Result<std::string> next() {
    std::string out;
    while (out.empty() && !over_) {
      const ssize_t got = read(STDIN_FILENO, block_.data(), block_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(drop::kFolder, std::string("cannot read the message: ") + strerrordesc_np(errno));
      if (got == 0) lines_.finish(out);
      lines_.feed({block_.data(), static_cast<std::size_t>(got)}, out);
      over_ = got == 0 || lines_.ended();
    }
    return out;
  }

 private:
  drop::Lines lines_;
  std::array<char, 65536> block_;
  bool over_ = false;
};

Result<drop::Head> read_head(Input& input) {
  drop::Head head;
  while (!head.done()) {
    const std::string piece = TRY(input.next());
    if (piece.empty()) head.finish();
    TRY(head.feed(piece));
  }
  return head;
}

Result<drop::Note> make_note(const drop::Options& options, const std::string& fields) {
  drop::Note note{.sender = options.sender.value_or(""),
                  .name = options.name,
                  .ret = options.ret,
                  .envelope_id = options.envelope_id,
                  .notify = options.notify,
                  .recipients = options.recipients};
  if (const auto user = find_user()) {
    if (!options.sender) note.sender = user->login;
    // The name belongs to the login, not to any address that -f gives.
    if (note.name.empty() && !options.sender) note.name = user->name;
  } else if (!options.sender) {
    return fail(drop::kUsage, "user " + std::to_string(getuid()) + " has no name on this host; say -f ADDRESS");
  }
  if (options.header_recipients) {
    for (std::string& address : TRY(drop::header_recipients(fields))) note.recipients.push_back(std::move(address));
    if (note.recipients.empty()) return fail(drop::kBadLetter, "no recipient is in the header");
  }
  if (note.recipients.size() > drop::kRecipientsMax) return fail(drop::kBadLetter, "too many recipients");
  TRY(check_addresses(note.recipients));
  if (!note.sender.empty()) TRY(check_addresses({note.sender}));
  return note;
}

Result<> write_message(drop::Writer& writer, Input& input, drop::Head& head, std::uint64_t max) {
  drop::complete(head.fields(), message::DateTime::at(system_clock().wall()));
  TRY(writer.append(head.fields()));
  TRY(writer.append("\r\n"));
  std::string piece = head.rest();
  do {
    TRY(writer.append(piece));
    if (writer.length() > max)
      return fail(drop::kBadLetter, fmt::format("the message is larger than {} octets (smtp.message_size_max)", max));
    piece = TRY(input.next());
  } while (!piece.empty());
  return {};
}

Result<control::Reply> deliver(const Context& context, const drop::Options& options) {
  if (!options.header_recipients && options.recipients.empty())
    return fail(drop::kUsage, "no recipient: name one, or say -t to take those of the header");
  // Who may not read the configuration learns from the server what is too large.
  const auto configuration = configuration::load(context.directory);
  const std::uint64_t max =
      configuration ? static_cast<std::uint64_t>(configuration->smtp.message_size_max) : UINT64_MAX;
  Input input(options.dot_ends ? drop::DotLine::ends : drop::DotLine::is_text);
  drop::Head head = TRY(read_head(input));
  const drop::Note note = TRY(make_note(options, head.fields()));
  drop::Writer writer = TRY(drop::Writer::create(context.directory + "/drop", note, system_random()));
  TRY(write_message(writer, input, head, max));
  return hand_over(context, writer);
}

/// The steps, and whether the end of them is here.
void print_sorted(const std::string& address, const std::string& result) {
  boost::system::error_code error;
  const boost::json::value sorted = boost::json::parse(result, error);
  const auto* const steps = sorted.is_object() ? sorted.get_object().if_contains("steps") : nullptr;
  const auto* const kind = sorted.is_object() ? sorted.get_object().if_contains("kind") : nullptr;
  const bool far = kind != nullptr && *kind == "not-local";
  fmt::print("{}: {}\n", address, far ? "another server's" : "an address of this server");
  if (steps == nullptr || !steps->is_array()) return;
  for (const auto& step : steps->get_array())
    fmt::print("  {:<10} {}\n", std::string(step.at("about").as_string()), std::string(step.at("text").as_string()));
  const auto* const onward = sorted.get_object().if_contains("onward");
  if (onward == nullptr || !onward->is_array()) return;
  for (const auto& one : onward->get_array()) fmt::print("  {:<10} {}\n", "onward", std::string(one.as_string()));
}

int verify(const Context& context, const drop::Options& options) {
  int code = drop::kExitOk;
  for (const std::string& address : options.recipients) {
    control::Request request{.verb = "mail.verify", .arguments = {}};
    request.add("address", address);
    const auto reply = control::ask(context.directory + "/run/control.sock", request);
    if (!reply) return complain(reply.error());
    if (reply->exit_code != drop::kExitOk)
      code = complain(reply->exit_code, reply->error);
    else
      print_sorted(address, reply->result);
  }
  return code;
}

/// `angarium queue WORD…`: by these names it is the same.
int queue_command(const Context& context, const std::vector<std::string>& more) {
  std::vector<std::string> words = {"angarium", "queue"};
  words.insert(words.end(), more.begin(), more.end());
  words.insert(words.end(), {"--dir", context.directory});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return run_command_line(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

int sendmail(const Context& context, const std::vector<std::string>& arguments) {
  const auto options = drop::parse_options(arguments);
  if (!options) return complain(options.error());
  switch (options->mode) {
    case drop::Mode::deliver: break;
    case drop::Mode::new_aliases:
      // No table is made: aliases are read as they are. What is wrong in them is told.
      return aliases_check(context) == control::kDone ? drop::kExitOk : drop::kExitData;
    case drop::Mode::list_queue: return queue_command(context, {"list"});
    case drop::Mode::flush:
      return options->what.empty() ? queue_command(context, {"flush"})
                                   : queue_command(context, {"retry", options->what});
    case drop::Mode::smtp: return speak_smtp(context);
    case drop::Mode::verify: return verify(context, *options);
  }
  const auto reply = deliver(context, *options);
  if (!reply) return complain(reply.error());
  return reply->exit_code == drop::kExitOk ? drop::kExitOk : complain(reply->exit_code, reply->error);
}

namespace {

constexpr std::string_view kHelp = R"(Hand in mail of this host: a message on standard input, to the recipients named
Usage: sendmail [OPTIONS] [RECIPIENT...]

  -t            also to those named in To, Cc and Bcc
  -f ADDRESS    the sender        -F NAME   the sender's name
  -i, -oi       a line with a dot alone does not end the message
  -N WHEN       reports wanted: never, or success, failure, delay   -R full|hdrs   what comes back with them
  -V ID         an envelope id that reports name
  -bs           SMTP on standard input     -bv   say where the addresses lead, send nothing
  -bp           list the queue (mailq)     -q    try again now what waits
  -bi           check the files of aliases, which are read as they are (newaliases)

  echo 'Subject: done' | sendmail root
  sendmail -t -i < letter.eml

Exit codes: 0 handed in, 64 to 78 as in sysexits.h; 75: try again. The server need not run: what is handed in waits for it.
)";

}  // namespace

std::optional<int> run_as_sendmail(const std::vector<std::string>& words) {
  if (words.empty()) return std::nullopt;
  const std::size_t slash = words[0].rfind('/');
  const std::string name = slash == std::string::npos ? words[0] : words[0].substr(slash + 1);
  const bool by_word = name != "sendmail" && name != "newaliases";
  if (by_word && (words.size() < 2 || words[1] != "sendmail")) return std::nullopt;

  Context context;
  context.directory = server_directory();
  std::vector<std::string> arguments;
  if (name == "newaliases") arguments.emplace_back("-bi");
  std::size_t at = by_word ? 2 : 1;
  if (by_word && at + 1 < words.size() && words[at] == "--dir") {
    context.directory = words[at + 1];
    at += 2;
  }
  arguments.insert(arguments.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  if (!arguments.empty() && arguments.back() == "--help" && words.size() == at + 1) {
    fmt::print("{}", kHelp);
    return control::kDone;
  }
  return sendmail(context, arguments);
}

}  // namespace angarium::program
