// GENURLAUTH, RESETKEY and URLFETCH (RFC 4467), URLFETCH of decoded parts (RFC 5524).
#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/session.h"
#include "protocol/imap/url_authority.h"
#include "protocol/imap/url_message.h"

namespace angarium::protocol::imap::command {

namespace {

/// mechanism = "INTERNAL" / 1*(ALPHA / DIGIT / "-" / ".")
Result<void> mechanism(Parser& parser) {
  if (!equals_ignore_case(TRY(parser.atom()), kUrlMechanism))
    return fail(kSyntax, "INTERNAL is the only mechanism here");
  return {};
}

Result<std::string> url_full(Parser& parser) {
  auto url = TRY(parser.astring());
  if (url.size() > kUrlMax) return fail(kTooLong, "The URL is too long");
  return url;
}

Result<std::vector<std::string>> rumps(Parser& parser) {
  std::vector<std::string> urls;
  do {
    if (urls.size() == kUrlsMax) return fail(kLimit, "Too many URLs in one command");
    urls.push_back(TRY(url_full(parser)));
    TRY(parser.space());
    TRY(mechanism(parser));
  } while (parser.present(' '));
  TRY(parser.end());
  return urls;
}

/// The mailbox of a URL that this user may sign. RFC 4467 §7, GENURLAUTH: what is not so is BAD.
Result<std::string> to_be_signed(const Session& session, const std::string& text) {
  const auto url = parse_url(text);
  if (!url) return fail(kSyntax, "The URL names no message: " + url.error().text());
  if (!url->access) return fail(kSyntax, "The URL has no access identifier");
  if (!url->mechanism.empty()) return fail(kSyntax, "The URL is signed already");
  if (url->user.empty()) return fail(kSyntax, "The URL names no user as its owner");
  if (!session.account->is_user(url->user)) return fail(kSyntax, "The URL's owner is somebody else");
  auto mailbox = url_mailbox(*url, {});
  if (!mailbox) return fail(kSyntax, mailbox.error().text());
  return *std::move(mailbox);
}

/// What is wanted of one URL.
struct Wanted {
  enum class Octets : std::uint8_t { simple, none, body, binary };
  std::string url;
  Octets octets = Octets::simple;  ///< simple: without words
  bool structure = false;
};

/// url-fetch-ext = "(" url-full *(SP url-fetch-param) ")" (RFC 5524 §5)
Result<Wanted> url_fetch_argument(Parser& parser) {
  Wanted wanted;
  if (!parser.present('(')) {
    wanted.url = TRY(url_full(parser));
    return wanted;
  }
  wanted.url = TRY(url_full(parser));
  while (parser.present(' ')) {
    const auto word = TRY(parser.word());
    const bool octets = word == "BODY" || word == "BINARY";
    const bool again = octets ? wanted.octets > Wanted::Octets::none : wanted.structure;
    if (again || (!octets && word != "BODYPARTSTRUCTURE"))
      return parser.expected("BODY or BINARY, BODYPARTSTRUCTURE, each once, before this");
    if (octets) wanted.octets = word == "BODY" ? Wanted::Octets::body : Wanted::Octets::binary;
    if (!octets) wanted.structure = true;
    if (wanted.octets == Wanted::Octets::simple) wanted.octets = Wanted::Octets::none;
  }
  TRY(parser.require(')'));
  return wanted;
}

/// One URL of URLFETCH at work.
class UrlFetch {
 public:
  UrlFetch(Session& session, const Wanted& wanted) : session_(session), wanted_(wanted) {}

  /// Its response. NIL for all that the session may not have, or that is not there.
  io::Task<Result<void>> run() {
    auto told = co_await tell();
    if (told || !told.error().is(kBadUrl)) co_return told;
    begin() += " NIL\r\n";
    co_return Result<void>{};
  }

 private:
  std::string& begin() {
    auto& out = session_.text();
    out += "* URLFETCH ";
    message::append_imap_string(out, wanted_.url, message::ImapForm::ascii);
    return out;
  }

  io::Task<Result<void>> tell() {
    const auto url = CO_TRY(parse_url(wanted_.url));
    const auto account =
        CO_TRY(co_await authorised(*session_.account, url, UrlUse::session, io::Loop::current().clock().wall()));
    const auto mailbox = CO_TRY(url_mailbox(url, {}));
    auto message = CO_TRY(co_await UrlMessage::open(*account, mailbox, url));
    bool decoded = true;
    if (wanted_.octets == Wanted::Octets::binary) {
      auto decodes = co_await message.decode();
      decoded = decodes || !decodes.error().is(kUnknownCte);
      if (decoded) CO_TRY(std::move(decodes));
    }
    std::string structure;
    if (wanted_.structure) structure = CO_TRY(co_await message.body_structure());
    // What follows an announcement can't be taken back: the first octets are in hand before it.
    std::vector<Octets> first;
    const bool octets = wanted_.octets != Wanted::Octets::none && decoded;
    for (std::size_t size = 0; octets && !message.at_end() && size < kBodyChunk; size += first.back().octets.size())
      first.push_back(CO_TRY(co_await message.next()));
    auto& out = begin();
    if (wanted_.structure) out += " (BODYPARTSTRUCTURE " + structure + ")";
    if (wanted_.octets == Wanted::Octets::body) out += " (BODY";
    if (wanted_.octets == Wanted::Octets::binary) out += decoded ? " (BINARY" : " (BINARY NIL";
    if (octets) CO_TRY(co_await literal(message, std::move(first)));
    if (wanted_.octets > Wanted::Octets::none) session_.text() += ')';
    session_.text() += "\r\n";
    co_return co_await session_.room();
  }

  io::Task<Result<void>> literal(UrlMessage& message, std::vector<Octets> first) {
    session_.text() += (message.holds_zero_octets() ? " ~{" : " {") + std::to_string(message.size()) + "}\r\n";
    for (auto& piece : first) session_.output.append(std::move(piece.owner), piece.octets);
    CO_TRY(co_await session_.room());
    while (!message.at_end()) {
      auto next = co_await message.next();
      if (!next) {
        session_.note(next.error());
        co_return fail(kSessionOver, "a message broke off within its literal");
      }
      session_.output.append(std::move(next->owner), next->octets);
      CO_TRY(co_await session_.room());
    }
    co_return Result<void>{};
  }

  Session& session_;
  const Wanted& wanted_;
};

}  // namespace

io::Task<Result<Reply>> genurlauth(Session& session, Command& command) {
  const auto urls = CO_TRY(rumps(command.parser));
  std::vector<std::string> mailboxes;
  for (const auto& url : urls) mailboxes.push_back(CO_TRY(to_be_signed(session, url)));
  std::string line = "* GENURLAUTH";
  for (std::size_t i = 0; i < urls.size(); ++i) {
    auto key = co_await session.account->make_url_key(mailboxes[i]);
    if (!key && key.error().is(kNonExistent)) co_return fail(kSyntax, "There is no such mailbox");
    if (!key) co_return std::unexpected(std::move(key).error());
    const auto token = CO_TRY(url_token(*key, urls[i]));
    line += ' ';
    message::append_imap_string(line, urls[i] + ":internal:" + token, message::ImapForm::ascii);
  }
  session.text() += line + "\r\n";
  co_return done("GENURLAUTH completed");
}

io::Task<Result<Reply>> resetkey(Session& session, Command& command) {
  auto& parser = command.parser;
  std::optional<std::string> mailbox;
  if (!parser.at_end()) {
    mailbox = CO_TRY(parser.mailbox());
    while (parser.present(' ')) CO_TRY(mechanism(parser));
    CO_TRY(parser.end());
  }
  CO_TRY(co_await session.account->remove_url_keys(mailbox));
  if (!mailbox) co_return done("All keys are removed");
  // The tagged reply says it to this session.
  auto* const selected = session.selected.get();
  if (selected != nullptr && selected->mailbox().name() == *mailbox)
    selected->url_keys_removed = selected->mailbox().url_key().removed;
  co_return done("The key is another now", "URLMECH INTERNAL");
}

io::Task<Result<Reply>> urlfetch(Session& session, Command& command) {
  auto& parser = command.parser;
  std::vector<Wanted> wanted;
  do {
    if (wanted.size() == kUrlsMax) co_return fail(kLimit, "Too many URLs in one command");
    wanted.push_back(CO_TRY(url_fetch_argument(parser)));
  } while (parser.present(' '));
  CO_TRY(parser.end());
  for (const auto& one : wanted) CO_TRY(co_await UrlFetch(session, one).run());
  co_return done("URLFETCH completed");
}

}  // namespace angarium::protocol::imap::command
