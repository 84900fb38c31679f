// The commands of `angarium mail` that write letters.
#include <array>
#include <cstddef>

#include "base/text.h"
#include "message/address.h"
#include "message/domain.h"
#include "message/header.h"
#include "mua/composer.h"
#include "mua/display.h"
#include "mua/error.h"
#include "mua/far_client.h"
#include "mua/far_json.h"
#include "mua/host.h"
#include "mua/save.h"
#include "mua/screen.h"

namespace angarium::mua {
namespace {

/// Octets of chance in a Message-ID: no two letters anywhere have the same (RFC 5322 §3.6.4).
constexpr std::size_t kIdOctets = 16;

std::string make_message_id(const std::string& address, Random& random) {
  const std::size_t at = address.rfind('@');
  const std::string domain =
      message::domain_to_ascii(at == address.npos ? "" : address.substr(at + 1)).value_or("localhost");
  return "<" + to_hex(random.octets(kIdOctets)) + "@" + domain + ">";
}

void add(std::vector<std::string>& addresses, const std::vector<std::string>& lists) {
  for (const std::string& list : lists)
    for (std::string& address : split_addresses(list)) addresses.push_back(std::move(address));
}

/// The writer's own copy names those whom the others do not see.
std::string own_copy(const Draft& draft, const Composed& letter) {
  std::string copy;
  for (const std::string& address : draft.bcc) copy += (copy.empty() ? "Bcc: " : ",\r\n ") + visible(address);
  return copy.empty() ? letter.message : copy + "\r\n" + letter.message;
}

std::string quoted(std::string_view message, const Settings& settings) {
  const std::string shown = show(message, settings, Fields::none);
  std::string out = visible(field_text(message, "From")) + " wrote:\n";
  for (std::string_view rest = trim(shown); !rest.empty();) out += "> " + std::string(take_until(rest, '\n')) + "\n";
  return out;
}

}  // namespace

bool FarClient::is_own(std::string_view spec) const { return equals_ignore_case(spec, terms_.account.address); }

Draft FarClient::draft_of(const LetterOptions& options) const {
  Draft draft;
  add(draft.to, options.to);
  add(draft.cc, options.cc);
  add(draft.bcc, options.bcc);
  draft.subject = options.subject;
  draft.attachments = options.attachments;
  return draft;
}

/// `start`: what stands in the editor before the user writes.
Result<std::string> FarClient::write_body(const std::string& start) {
  if (!here_.terminal.interactive()) return here_.terminal.read_all(kTextMax);
  if (here_.editor.empty()) {
    complain("Write the letter; a line with a dot alone, or Ctrl-D, ends it, Ctrl-C drops it:");
    std::string body;
    for (;;) {
      const Terminal::Line line = here_.terminal.read_line("");
      if (line.kind == Terminal::Line::Kind::interrupted) return fail(kUsage, "the letter is dropped");
      if (line.kind == Terminal::Line::Kind::failed) return fail(kHost, line.text);
      if (line.kind == Terminal::Line::Kind::end || line.text == ".") return body;
      body += line.text + "\n";
    }
  }
  here_.terminal.flush();
  const TemporaryFile file = TRY(TemporaryFile::make(start, ".txt"));
  const int status = TRY(run_command(here_.shell, here_.editor + " " + shell_word(file.path())));
  if (status != 0) return fail(kUsage, "the editor '" + here_.editor + "' failed: nothing is sent");
  std::string body = TRY(read_file(file.path()));
  if (trim(body).empty() || body == start) return fail(kUsage, "nothing was written: nothing is sent");
  return body;
}

/// Before anything is written for nothing.
Result<> FarClient::may_write() const {
  if (!terms_.account.address.contains('@'))
    return fail(kUsage, "the account has no address to write from: say address = \"name@example.org\" in mail.toml");
  if (!terms_.account.smtp)
    return fail(kUsage, "the account has no server to send by: say smtp = \"smtp.example.org\" in mail.toml");
  return {};
}

io::Task<Result<>> FarClient::send(LetterOptions options) {
  CO_TRY(may_write());
  Draft draft = draft_of(options);
  draft.body = CO_TRY(write_body(""));
  co_return co_await post(std::move(draft));
}

io::Task<Result<>> FarClient::reply(std::string mailbox, std::string word, LetterOptions options) {
  CO_TRY(may_write());
  const Got got = CO_TRY(co_await get(mailbox, std::move(word)));
  const auto own = [this](std::string_view spec) { return is_own(spec); };
  Draft answer = answer_to(got.message, options.answer, own);
  if (answer.to.empty())
    co_return fail(kUsage, "the message names nobody to reply to; angarium mail send TO writes to somebody");
  Draft more = draft_of(options);
  answer.to.insert(answer.to.end(), more.to.begin(), more.to.end());
  answer.cc.insert(answer.cc.end(), more.cc.begin(), more.cc.end());
  answer.bcc = std::move(more.bcc);
  answer.attachments = std::move(more.attachments);
  if (!more.subject.empty()) answer.subject = std::move(more.subject);
  const std::string quote = quoted(got.message, settings_);
  answer.body = CO_TRY(write_body("\n" + quote));
  if (options.quote && !here_.terminal.interactive()) answer.body += "\n" + quote;
  CO_TRY(co_await post(std::move(answer)));
  if (terms_.account.box->protocol != MailHost::Protocol::imap) co_return Result<>();
  const auto marked = co_await answered(std::move(mailbox), got.id);
  if (!marked) complain("the message is not marked as answered: " + marked.error().text());
  co_return Result<>();
}

io::Task<Result<>> FarClient::answered(std::string mailbox, FarId id) {
  const auto box = CO_TRY(co_await open(std::move(mailbox), Access::change));
  CO_TRY(co_await box->flag({std::move(id)}, message::kBoxAnswered | message::kBoxSeen, 0));
  co_return co_await box->leave();
}

io::Task<Result<>> FarClient::forward(std::string mailbox, std::string word, LetterOptions options) {
  CO_TRY(may_write());
  Got got = CO_TRY(co_await get(std::move(mailbox), std::move(word)));
  Draft draft = draft_of(options);
  if (draft.subject.empty()) draft.subject = subject_with("Fwd:", field_text(got.message, "Subject"));
  draft.enclosed.push_back(std::move(got.message));
  // A letter that only encloses another one needs no words of its own.
  if (!here_.terminal.interactive()) draft.body = CO_TRY(here_.terminal.read_all(kTextMax));
  co_return co_await post(std::move(draft));
}

io::Task<Result<>> FarClient::post(Draft draft) {
  const MailAccount& account = terms_.account;
  const std::size_t at = account.address.rfind('@');
  draft.from =
      message::format_address(account.full_name, account.address.substr(0, at), account.address.substr(at + 1));
  const std::string id = make_message_id(account.address, here_.delivery.random);
  draft.fields.emplace_back("Message-ID", id);
  const auto now = message::DateTime::at(here_.delivery.clock.wall(), here_.zone_minutes);
  const auto letter = compose(draft, settings_, now, here_.home, here_.delivery.random);
  if (!letter) {
    save_dead_letter(here_, settings_, draft);
    co_return std::unexpected(letter.error());
  }
  // Whatever ends this program meanwhile, an interrupt too, what somebody wrote is not lost.
  const std::string safe = here_.home + "/unsent-" + id.substr(1, 12) + ".eml";
  const bool is_safe = write_new_file(safe, own_copy(draft, *letter)).has_value();
  const auto refused = co_await submit(terms_, *letter);
  if (!refused) {
    if (keep_unsent(draft, *letter) && is_safe) remove_file(safe);
    co_return std::unexpected(refused.error());
  }
  if (is_safe) remove_file(safe);
  if (output_ == Output::json)
    print(json_of(SentLetter{.message_id = id, .recipients = letter->recipients, .refused = *refused}));
  else
    print("sent to " + std::to_string(letter->recipients.size() - refused->size()) + " of " +
          std::to_string(letter->recipients.size()) +
          (letter->recipients.size() == 1 ? " recipient\n" : " recipients\n"));
  here_.terminal.flush();
  co_await keep_copy(own_copy(draft, *letter));
  if (refused->empty()) co_return Result<>();
  (void)keep_unsent(draft, *letter);
  std::string words = "not all got it:";
  for (const Refusal& one : *refused) words += " " + one.address + ": " + one.words + ";";
  words.pop_back();
  // Never "try again": those who have it would get it twice.
  co_return fail(kNotTaken, words);
}

/// It has gone: what becomes of the copy is told, and does not make it unsent.
io::Task<> FarClient::keep_copy(std::string copy) {
  const MailAccount& account = terms_.account;
  const bool has_folders = account.box && account.box->protocol == MailHost::Protocol::imap;
  if (!account.save_sent || !has_folders) co_return;
  auto box = co_await enter_box(terms_);
  auto kept = box ? co_await (*box)->keep_sent(account.sent, copy) : Result<std::string>(std::unexpected(box.error()));
  if (kept) {
    (void)co_await (*box)->leave();
    co_return;
  }
  const auto file = keep_in_home("sent.letter", copy);
  complain("the letter is sent, but its copy is not kept at the server: " + kept.error().text() +
           (file ? "; it is in " + *file : "; nor in a file: " + file.error().text()));
}

bool FarClient::keep_unsent(const Draft& draft, const Composed& letter) {
  const auto file = keep_in_home("dead.letter", own_copy(draft, letter));
  complain(file ? "the letter is kept in " + *file
                : "the letter could not be added to dead.letter: " + file.error().text());
  return file.has_value();
}

/// In an mbox file, which mail -f reads.
Result<std::string> FarClient::keep_in_home(std::string_view name, std::string_view copy) {
  std::string path = here_.home + "/" + std::string(name);
  TRY(save_message(here_, path, copy, terms_.account.address, here_.delivery.clock.wall(), message::kBoxSeen));
  return path;
}

}  // namespace angarium::mua
