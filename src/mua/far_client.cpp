#include "mua/far_client.h"

#include <algorithm>

#include "base/size.h"
#include "base/text.h"
#include "message/header.h"
#include "mua/display.h"
#include "mua/error.h"
#include "mua/far_json.h"
#include "mua/host.h"
#include "mua/screen.h"

namespace angarium::mua {
namespace {

constexpr std::size_t kAuthorColumns = 20;
constexpr std::size_t kIdColumnsMax = 24;

std::string right(const std::string& text, std::size_t wide) {
  return text.size() < wide ? std::string(wide - text.size(), ' ') + text : text;
}

/// N: not read yet, F: flagged, A: answered.
char letter_of(const FarListing& listing, const FarMessage& message) {
  if (!listing.has_flags) return ' ';
  if ((message.flags & message::kBoxFlagged) != 0) return 'F';
  if ((message.flags & message::kBoxSeen) == 0) return 'N';
  return (message.flags & message::kBoxAnswered) != 0 ? 'A' : ' ';
}

std::string text_of(const FarListing& listing, const Surroundings& here, Output output) {
  std::size_t wide = 1;
  for (const FarMessage& one : listing.messages) wide = std::max(wide, columns(visible(one.id)));
  wide = std::min(wide, kIdColumnsMax);
  std::string text;
  for (const FarMessage& one : listing.messages) {
    const std::string id = visible(one.id);
    std::string line = (columns(id) < wide ? std::string(wide - columns(id), ' ') : std::string()) + id + " ";
    line += std::string(1, letter_of(listing, one)) + " " + fit(author(one.header), kAuthorColumns) + " " +
            short_date(one.header, here.zone_minutes) + " " + right(size_of(one.octets), 8) + "  " +
            visible(field_text(one.header, "Subject"));
    if (output == Output::terminal) line = fit(line, std::max<std::size_t>(here.terminal.columns(), 60));
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string text_of(const std::vector<FarFolder>& folders) {
  std::size_t wide = 0;
  for (const FarFolder& one : folders) wide = std::max(wide, columns(visible(one.name)));
  std::string text;
  for (const FarFolder& one : folders) {
    std::string line = fit(visible(one.name), wide);
    if (one.messages) line += "  " + right(std::to_string(*one.messages), 8);
    if (one.messages && one.unread) line += " messages, " + std::to_string(*one.unread) + " unread";
    if (!one.use.empty()) line += "  (" + one.use + ")";
    if (!one.selectable) line += "  (holds folders only)";
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string text_of(const std::vector<Detached>& attachments, std::string_view id) {
  if (attachments.empty()) return "";
  std::string text = "\n";
  for (std::size_t i = 0; i < attachments.size(); ++i) {
    const Detached& one = attachments[i];
    text += "[attachment " + std::to_string(i + 1) + ": " + visible(one.name) + ", " + visible(one.type) + ", " +
            size_of(one.octets.size()) + "]\n";
  }
  return text + "To save one: angarium mail save " + visible(id) + " --part 1 FILE\n";
}

Result<const Detached*> part_of(const std::vector<Detached>& parts, std::size_t number) {
  if (number <= parts.size()) return &parts[number - 1];
  return fail(kNotThere, parts.empty() ? "the message has no attachments"
                                       : "there is no attachment " + std::to_string(number) + "; the message has " +
                                             std::to_string(parts.size()));
}

}  // namespace

void FarClient::complain(std::string_view text) { here_.terminal.complain(visible(text)); }

io::Task<Result<std::unique_ptr<FarBox>>> FarClient::open(std::string mailbox, Access access) {
  auto box = CO_TRY(co_await enter_box(terms_));
  CO_TRY(co_await box->open(mailbox.empty() ? "INBOX" : std::move(mailbox), access));
  co_return box;
}

io::Task<Result<>> FarClient::list(std::string mailbox, FarWanted wanted) {
  const std::size_t limit = wanted.limit;
  const auto box = CO_TRY(co_await open(std::move(mailbox), Access::read_only));
  const FarListing listing = CO_TRY(co_await box->list(std::move(wanted)));
  (void)co_await box->leave();
  print(output_ == Output::json ? json_of(listing) : text_of(listing, here_, output_));
  if (output_ == Output::terminal && limit != 0 && listing.in_all > listing.messages.size())
    complain("the newest " + std::to_string(listing.messages.size()) + " of " + std::to_string(listing.in_all) +
             "; --limit 0 lists all");
  co_return Result<>();
}

io::Task<Result<>> FarClient::folders(Counting counting) {
  const auto box = CO_TRY(co_await enter_box(terms_));
  const auto folders = CO_TRY(co_await box->folders(counting));
  (void)co_await box->leave();
  print(output_ == Output::json ? json_of(folders) : text_of(folders));
  co_return Result<>();
}

io::Task<Result<FarClient::Got>> FarClient::get(std::string mailbox, std::string word) {
  const auto box = CO_TRY(co_await open(std::move(mailbox), Access::read_only));
  const auto ids = CO_TRY(co_await box->resolve({std::move(word)}, FarBox::Naming::lenient));
  if (ids.size() != 1) co_return fail(kUsage, "one message is asked for, not " + std::to_string(ids.size()));
  Got got{.id = ids.front(), .message = CO_TRY(co_await box->message(ids.front(), here_.message_max))};
  (void)co_await box->leave();
  co_return got;
}

io::Task<Result<>> FarClient::read(std::string mailbox, std::string word, ReadOptions options) {
  using Form = ReadOptions::Form;
  const auto box = CO_TRY(co_await open(std::move(mailbox), options.keep_unread ? Access::read_only : Access::change));
  const auto ids = CO_TRY(co_await box->resolve({std::move(word)}, FarBox::Naming::lenient));
  if (ids.size() != 1) co_return fail(kUsage, "one message is asked for, not " + std::to_string(ids.size()));
  const std::string message = CO_TRY(co_await box->message(ids.front(), here_.message_max));
  const std::vector<Detached> parts = detach(message);
  if (options.part != 0) {
    const Detached& part = *CO_TRY(part_of(parts, options.part));
    print(output_ == Output::terminal ? visible_text(part.octets) : part.octets);
  } else if (options.form == Form::raw) {
    print(output_ == Output::terminal ? visible_text(message) : message);
  } else if (options.form == Form::headers) {
    const auto header = message::header_extent(message);
    print(visible_text(std::string_view(message).substr(0, header.header_size)));
  } else if (output_ == Output::json) {
    print(json_of(ids.front(), message, show(message, settings_, Fields::none), parts));
  } else {
    const std::string text = show(message, settings_, Fields::chosen) + text_of(parts, ids.front());
    output_ == Output::terminal ? here_.terminal.page(text) : print(text);
  }
  here_.terminal.flush();
  if (!options.keep_unread && terms_.account.box->protocol == MailHost::Protocol::imap) {
    const auto marked = co_await box->flag(ids, message::kBoxSeen, 0);
    if (!marked) complain("the message is not marked as read: " + marked.error().text());
  }
  (void)co_await box->leave();
  co_return Result<>();
}

io::Task<Result<>> FarClient::save(std::string mailbox, std::string word, SaveOptions options) {
  const Got got = CO_TRY(co_await get(std::move(mailbox), std::move(word)));
  std::vector<Detached> parts = detach(got.message);
  if (options.part != 0) {
    const Detached part = *CO_TRY(part_of(parts, options.part));
    parts = {part};
  } else if (!options.all_parts) {
    // Ids of POP3 servers are what the server likes.
    const bool plain = std::ranges::all_of(got.id, [](char c) { return is_digit(c); });
    parts = {{.name = "message" + (plain ? "-" + got.id : std::string()) + ".eml", .type = {}, .octets = got.message}};
  } else if (parts.empty()) {
    co_return fail(kNotThere, "the message has no attachments");
  }
  std::string path = options.path.empty() ? "." : in_home(options.path, here_.home);
  const bool folder = is_folder(path);
  if (!folder && parts.size() > 1)
    co_return fail(kUsage, "there are " + std::to_string(parts.size()) + " attachments: name a folder for them");
  std::vector<SavedFile> saved;
  for (const Detached& part : parts) {
    // The name is without folders: detach() took them away.
    const std::string file = folder ? path + "/" + part.name : path;
    CO_TRY(write_new_file(file, part.octets));
    saved.push_back({.path = file, .octets = part.octets.size()});
  }
  if (output_ == Output::json) print(json_of(saved));
  if (output_ != Output::json)
    for (const SavedFile& one : saved) print("saved " + visible(one.path) + ", " + size_of(one.octets) + "\n");
  co_return Result<>();
}

/// What a removal left behind.
void FarClient::tell_left(bool gone, std::size_t count) {
  if (!gone)
    complain(std::to_string(count) +
             (count == 1 ? " message is marked as deleted and stays" : " messages are marked as deleted and stay") +
             " for now: this server can only remove all that anybody marked (it has no UIDPLUS)");
}

io::Task<Result<>> FarClient::remove(std::string mailbox, std::vector<std::string> words) {
  const auto box = CO_TRY(co_await open(std::move(mailbox), Access::change));
  const auto ids = CO_TRY(co_await box->resolve(std::move(words), FarBox::Naming::exact));
  const bool gone = CO_TRY(co_await box->remove(ids));
  // By POP3 they are gone when the server has said so.
  const auto left = co_await box->leave();
  if (!left && terms_.account.box->protocol == MailHost::Protocol::pop3) co_return left;
  tell_left(gone, ids.size());
  co_return Result<>();
}

io::Task<Result<>> FarClient::move(std::string mailbox, std::vector<std::string> words, std::string to) {
  const auto box = CO_TRY(co_await open(std::move(mailbox), Access::change));
  const auto ids = CO_TRY(co_await box->resolve(std::move(words), FarBox::Naming::exact));
  const bool gone = CO_TRY(co_await box->move(ids, std::move(to)));
  (void)co_await box->leave();
  tell_left(gone, ids.size());
  co_return Result<>();
}

io::Task<Result<>> FarClient::flag(std::string mailbox, std::vector<std::string> words, message::BoxFlags set,
                                   message::BoxFlags clear) {
  const auto box = CO_TRY(co_await open(std::move(mailbox), Access::change));
  const auto ids = CO_TRY(co_await box->resolve(std::move(words), FarBox::Naming::exact));
  CO_TRY(co_await box->flag(ids, set, clear));
  (void)co_await box->leave();
  co_return Result<>();
}

io::Task<Result<MailAccount>> FarClient::check() {
  MailAccount account = terms_.account;
  const auto tell = [&](const MailHost& host, bool logged_in) {
    constexpr std::array<std::string_view, 4> kWays = {"", "TLS from the first octet on", "STARTTLS", "no TLS"};
    if (output_ != Output::json)
      print(place_of(host) + ": " + std::string(kWays[static_cast<std::size_t>(host.tls)]) +
            (logged_in ? ", logged in" : ", without a login") + "\n");
  };
  if (account.box) {
    const auto box = CO_TRY(co_await enter_box(terms_));
    account.box = box->reached().by;
    (void)co_await box->leave();
    tell(*account.box, true);
  }
  if (account.smtp) {
    account.smtp = CO_TRY(co_await try_submission(terms_));
    tell(*account.smtp, account.smtp_login);
  }
  co_return account;
}

}  // namespace angarium::mua
