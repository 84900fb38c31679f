#include "mua/far_send.h"

#include <algorithm>

#include "base/text.h"
#include "envelope/envelope.h"
#include "message/header.h"
#include "mua/error.h"
#include "mua/far_box.h"
#include "protocol/smtp/client.h"

namespace angarium::mua {
namespace {

namespace smtp = protocol::smtp;

/// Octets that are handed to the connection at once: between them progress is told.
constexpr std::size_t kPiece = std::size_t{64} << 10;

/// A message in memory, piece by piece.
class Source final : public smtp::MessageSource {
 public:
  Source(std::string_view octets, const FarTerms& terms) : octets_(octets), terms_(terms) {}
  io::ValueOrTask<Result<std::string_view>> next() override {
    const std::string_view piece = octets_.substr(done_, kPiece);
    done_ += piece.size();
    if (octets_.size() > kPiece) terms_.progress(done_, octets_.size());
    return Result<std::string_view>(piece);
  }

 private:
  std::string_view octets_;
  const FarTerms& terms_;
  std::size_t done_ = 0;
};

/// RFC 5321 §4.1.4: a client that has no name of its own in the DNS says its address.
std::string own_name(const io::Endpoint& local) {
  if (!local.is_ip()) return "localhost";
  const bool v6 = local.address().family() == io::IpAddress::Family::v6;
  return (v6 ? "[IPv6:" : "[") + local.address().text() + "]";
}

std::string words_of(const smtp::Reply& reply) { return std::to_string(reply.code) + " " + reply.text; }

Result<envelope::Envelope> envelope_of(const Composed& letter) {
  envelope::Envelope made;
  const envelope::PathOptions options{.utf8 = envelope::Utf8::accept};
  made.sender.path.mailbox = TRY(envelope::parse_mailbox(letter.sender, options));
  for (const std::string& address : letter.recipients) {
    auto mailbox = envelope::parse_mailbox(address, options);
    if (!mailbox || mailbox->domain.empty())
      return fail(kUsage, "'" + escape_controls(address, 200) + "' is no whole address: write name@example.org");
    made.recipients.push_back({.path = {*std::move(mailbox)}, .parameters = {}});
  }
  return made;
}

smtp::MessageFacts facts_of(const std::string& message) {
  message::LineScanner seen;
  seen.feed(message);
  const auto header = message::header_extent(message);
  return smtp::facts_of(seen, !all_ascii(std::string_view(message).substr(0, header.header_size)));
}

/// A session with the server, which knows who we are.
struct Session {
  Reached reached;
  std::unique_ptr<smtp::Client> client;
};

Error named(const MailHost& host, const Error& error) {
  if (error.is(smtp::kRefusedForGood) || error.is(smtp::kNoMechanism))
    return Error(kNotTaken, place_of(host) + ": " + error.text());
  if (error.is(smtp::kRefusedNow)) return Error(kNotTakenNow, place_of(host) + ": " + error.text());
  return error;
}

io::Task<Result<>> log_in(const FarTerms& terms, Session& session, sasl::Secret password) {
  const std::string place = place_of(session.reached.by);
  if (session.client->extensions().mechanisms.empty())
    co_return fail(kNotLetIn, place + " knows no login; if none is needed there, say smtp_login = false in mail.toml");
  auto credentials = CO_TRY(credentials_for(terms, session.reached, "smtp", std::move(password)));
  // Whether there may be a connection without TLS was judged when it was made.
  const auto in = co_await session.client->authenticate(std::move(credentials), sasl::Plaintext::allowed);
  if (in || (!in.error().is(smtp::kRefusedForGood) && !in.error().is(smtp::kNoMechanism) &&
             !in.error().is(sasl::kBadCredentials)))
    co_return in ? Result<>() : std::unexpected(named(session.reached.by, in.error()));
  co_return fail(kNotLetIn, place + " does not let " +
                                escape_controls(user_for(terms.account, MailHost::Protocol::smtp), 200) +
                                " in: " + in.error().text());
}

io::Task<Result<Session>> open_session(const FarTerms& terms) {
  if (!terms.account.smtp)
    co_return fail(kUsage, "the account has no server to send by: write smtp = \"smtp.example.org\" in mail.toml");
  sasl::Secret password;
  if (terms.account.smtp_login) password = CO_TRY(terms.password());
  Session session{.reached = CO_TRY(co_await terms.dial(*terms.account.smtp)), .client = nullptr};
  const Reached& reached = session.reached;
  session.client = std::make_unique<smtp::Client>(*reached.connection,
                                                  smtp::ClientOptions{.name = own_name(reached.connection->local())});
  if (auto opened = co_await session.client->open(); !opened)
    co_return std::unexpected(named(reached.by, opened.error()));
  if (reached.by.tls == MailHost::Tls::starttls) {
    if (!session.client->extensions().starttls)
      co_return fail(kStranger, place_of(reached.by) + " offers no TLS, and nothing is told without it");
    if (auto begun = co_await session.client->start_tls(); !begun)
      co_return std::unexpected(named(reached.by, begun.error()));
  }
  CO_TRY(check_peer(reached, terms.account));
  if (terms.account.smtp_login) CO_TRY(co_await log_in(terms, session, std::move(password)));
  co_return session;
}

/// What became of it: refused for all is an error.
Result<std::vector<Refusal>> outcome_of(const MailHost& host, const Composed& letter, const smtp::SendReport& report) {
  const auto not_taken = [&](const smtp::Reply& reply) {
    return fail(reply.transient() ? kNotTakenNow : kNotTaken,
                place_of(host) + " does not take the message: " + words_of(reply));
  };
  if (!report.mail.positive()) return not_taken(report.mail);
  std::vector<Refusal> refused;
  bool later = false;
  for (std::size_t i = 0; i < report.recipients.size(); ++i) {
    const smtp::Reply& reply = report.recipients[i];
    if (reply.completed()) continue;
    refused.push_back({.address = letter.recipients[i], .words = words_of(reply), .temporary = reply.transient()});
    later = later || reply.transient();
  }
  if (refused.size() < report.recipients.size()) return refused;
  std::string words;
  for (const Refusal& one : refused)
    if (words.size() < 2000) words += "\n  " + one.address + ": " + one.words;
  return fail(later ? kNotTakenNow : kNotTaken, place_of(host) + " takes the message for nobody:" + words);
}

}  // namespace

io::Task<Result<std::vector<Refusal>>> submit(const FarTerms& terms, const Composed& letter) {
  const auto envelope = CO_TRY(envelope_of(letter));
  Session session = CO_TRY(co_await open_session(terms));
  Source source(letter.message, terms);
  const auto report = co_await session.client->send(envelope, facts_of(letter.message), source);
  if (!report) {
    const Error& error = report.error();
    const std::string place = place_of(session.reached.by);
    if (error.is(smtp::kUnanswered))
      co_return fail(kPerhapsSent, "the connection to " + place +
                                       " broke before the server answered: the message may have been sent. Look "
                                       "whether it arrived before you send it again");
    if (error.is(smtp::kNeedsEightBit) || error.is(smtp::kNeedsBinary) || error.is(smtp::kNeedsUtf8) ||
        error.is(smtp::kTooBigForServer))
      co_return fail(kNotTaken, place + " cannot take this message: " + error.text());
    co_return std::unexpected(named(session.reached.by, error));
  }
  co_await session.client->quit();
  co_return outcome_of(session.reached.by, letter, *report);
}

io::Task<Result<MailHost>> try_submission(const FarTerms& terms) {
  Session session = CO_TRY(co_await open_session(terms));
  co_await session.client->quit();
  co_return session.reached.by;
}

}  // namespace angarium::mua
