// mail(1): the room mua with this host's terminal, files and programs, and the way sendmail hands in.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "control/client.h"
#include "drop/letter.h"
#include "drop/options.h"
#include "mua/boxes.h"
#include "mua/error.h"
#include "mua/mail.h"
#include "program/command_line.h"
#include "program/commands.h"
#include "program/console.h"
#include "program/hand_in.h"
#include "program/mail_client.h"
#include "program/surroundings.h"

namespace angarium::program {
namespace {

constexpr ErrorKind kRefused{"program.mail-refused", Fault::user, Lasting::permanent};
constexpr ErrorKind kLater{"program.mail-later", Fault::dependency, Lasting::temporary};

Result<> submit(const Context& context, const std::optional<User>& user, const mua::Letter& letter) {
  const drop::Options options = TRY(drop::parse_options(letter.options));
  drop::Note note{.sender = options.sender.value_or(letter.sender),
                  .name = options.name,
                  .ret = options.ret,
                  .envelope_id = options.envelope_id,
                  .notify = options.notify,
                  .recipients = letter.recipients};
  note.recipients.insert(note.recipients.end(), options.recipients.begin(), options.recipients.end());
  if (!options.sender && letter.sender.empty()) {
    if (!user)
      return fail(mua::kUsage, "user " + std::to_string(getuid()) + " has no name on this host; say -r ADDRESS");
    note.sender = user->login;
    if (note.name.empty()) note.name = user->name;
  }
  for (const std::string& address : note.recipients)
    if (!drop::qualify(address, "localhost"))
      return fail(mua::kUsage, "'" + escape_controls(address) + "' is no address");
  drop::Writer writer = TRY(drop::Writer::create(context.directory + "/drop", note, system_random()));
  TRY(writer.append(letter.message));
  const control::Reply reply = TRY(hand_over(context, writer));
  if (reply.exit_code == drop::kExitOk) return {};
  return std::unexpected(Error(reply.exit_code == drop::kExitAgain ? kLater : kRefused, reply.error));
}

/// By the control socket, whose other end knows whose it is.
Result<int> open_own_store(const Context& context) {
  const std::string path = context.directory + "/run/control.sock";
  auto connection = control::connect(path);
  if (!connection && connection.error().is(control::kNotRunning))
    return fail(mua::kNoBox, "the mail server is not running");
  if (!connection) return std::unexpected(std::move(connection).error());
  const control::Reply reply = TRY(control::open_talk(*connection, {.verb = "mail.imap", .arguments = {}}));
  if (reply.exit_code == control::kTemporary) return fail(kLater, reply.error);
  if (reply.exit_code != control::kDone) return fail(mua::kNoBox, reply.error);
  const int descriptor = fcntl(connection->get(), F_DUPFD_CLOEXEC, 3);
  if (descriptor < 0) return fail(kLater, strerrordesc_np(errno));
  return descriptor;
}

}  // namespace

int mail(const Context& context, const std::vector<std::string>& arguments) {
  const auto options = mua::parse_options(arguments);
  if (!options) {
    fmt::print(stderr, "mail: {}\n{}", options.error().text(), mua::usage());
    return drop::kExitUsage;
  }
  const auto user = find_user();
  const std::string login = user ? user->login : std::to_string(getuid());
  Console console(environment("SHELL", "/bin/sh"), environment("PAGER", "more"), Interrupt::ends_line);
  mua::Surroundings here = surroundings_of(console, login);
  here.submit = [&](const mua::Letter& letter) { return submit(context, user, letter); };
  here.own_store = [&] { return open_own_store(context); };
  const int code = mua::mail(here, *options, environment("MAILRC", ""));
  console.flush();
  return code;
}

namespace {

constexpr std::string_view kExamples = R"(
  echo 'The backup is done.' | mail -s Backup root
  mail -f /var/mail/anna
  mail -f @Sent

Within: h lists, a number shows a message, d deletes, r replies, s FILE saves, q ends, x ends and changes nothing, ? tells the rest.
Mail at servers elsewhere: angarium mail --help
)";

}  // namespace

std::optional<int> run_as_mail(const std::vector<std::string>& words) {
  if (words.empty()) return std::nullopt;
  const std::string name = words[0].substr(words[0].rfind('/') + 1);
  const bool by_name = name == "mail" || name == "mailx" || name == "Mail";
  if (!by_name && words.size() > 2 && words[1] == "help" && words[2] == "mail") {
    std::vector<std::string> rest(words.begin() + 3, words.end());
    rest.emplace_back("--help");
    return mail_client(rest);
  }
  if (!by_name && (words.size() < 2 || words[1] != "mail")) return std::nullopt;
  if (!by_name && words.size() > 2 && is_client_verb(words[2])) return mail_client({words.begin() + 2, words.end()});
  Context context;
  context.directory = server_directory();
  std::size_t at = by_name ? 1 : 2;
  if (!by_name && at + 1 < words.size() && words[at] == "--dir") {
    context.directory = words[at + 1];
    at += 2;
  }
  if (by_name && words.size() == 2 && words[1] == "--help") {
    fmt::print("Send mail, and read the mail of this host, as mail(1) does\n{}{}", mua::usage(), kExamples);
    return control::kDone;
  }
  return mail(context, {words.begin() + static_cast<std::ptrdiff_t>(at), words.end()});
}

}  // namespace angarium::program
