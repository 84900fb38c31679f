#include "protocol/smtp/memory_backend.h"

#include "protocol/smtp/client.h"

#include <array>

#include "base/text.h"
#include "io/loop.h"

namespace angarium::protocol::smtp {
namespace {

inline constexpr ErrorKind kMemoryFull{"smtp.memory-full", Fault::dependency, Lasting::temporary};

}  // namespace

io::Task<Result<Reply>> MemorySession::connected(const Peer& peer) {
  peer_ = &peer;
  co_return house_.greeting;
}

io::Task<Result<>> MemorySession::authenticated(const sasl::Identity& identity) {
  if (house_.turns_logins_away) co_return fail(kMemoryFull, "the logins were changed at this moment");
  house_.logged_in.push_back(identity.authentication_id);
  co_return Result<>();
}

io::ValueOrTask<Result<Reply>> MemorySession::mail(const envelope::Sender& sender, envelope::DeliveryId id) {
  message_ = {};
  accepted_ = false;
  house_.kept.erase(std::exchange(last_, {}));  // RFC 1845 §3: the client went on to another
  message_.id = id;
  message_.envelope.sender = sender;
  return Result<Reply>(reply::kSenderOk);
}

io::ValueOrTask<Result<Reply>> MemorySession::rcpt(const envelope::Recipient& recipient) {
  const envelope::Mailbox& mailbox = recipient.path.mailbox;
  const bool here = mailbox.domain.empty() || equals_ignore_case(mailbox.domain, house_.domain);
  if (!here && !peer_->identity) return Result<Reply>(Reply(550, {5, 7, 1}, "Relaying denied"));
  if (mailbox.local_part.starts_with("later")) return Result<Reply>(Reply(450, {4, 2, 1}, "Mailbox busy"));
  if (here && !recipient.path.postmaster_here() && !house_.users.contains(mailbox.local_part))
    return Result<Reply>(Reply(550, {5, 1, 1}, "No such user here"));
  message_.envelope.recipients.push_back(recipient);
  return Result<Reply>(reply::kRecipientOk);
}

io::ValueOrTask<Result<Reply>> MemorySession::begin_body() { return Result<Reply>(reply::kOk); }

Result<Flow> MemorySession::append(std::string_view octets) {
  for (const envelope::Recipient& recipient : message_.envelope.recipients)
    if (recipient.path.mailbox.local_part == "broken") return fail(kMemoryFull, "Insufficient system storage");
  if (!house_.forgets) message_.octets += octets;
  paused_ = house_.pauses;
  return paused_ ? Flow::pause : Flow::more;
}

io::ValueOrTask<Result<>> MemorySession::drained() {
  paused_ = false;
  return Result<>();
}

std::string MemorySession::kept_name(const envelope::MailParameters& said) const {
  return said.transaction ? peer_->name + " " + *said.transaction : std::string();
}

io::Task<Result<std::optional<Checkpoint>>> MemorySession::resume(const envelope::Sender& sender,
                                                                  envelope::DeliveryId id) {
  const auto kept = house_.kept.find(kept_name(sender.parameters));
  if (kept == house_.kept.end()) co_return std::nullopt;
  message_ = kept->second.message;
  message_.id = id;
  accepted_ = kept->second.accepted;
  if (!accepted_) house_.kept.erase(kept);
  co_return Checkpoint{.offset = message_.octets.size(),
                       .recipients = static_cast<std::uint32_t>(message_.envelope.recipients.size())};
}

io::Task<> MemorySession::ended(Ending ending) {
  if (ending == Ending::quit) {
    house_.kept.erase(last_);
    co_return;
  }
  const std::string name = kept_name(message_.envelope.sender.parameters);
  // The offset is the beginning of a line.
  const std::size_t lines = message_.octets.rfind("\r\n");
  if (name.empty() || accepted_ || lines == std::string::npos) co_return;
  message_.octets.resize(lines + 2);
  house_.kept[name] = {.message = message_, .accepted = false};
}

io::Task<Result<std::unique_ptr<UrlContent>>> MemorySession::open_url(std::string url) {
  /// In pieces of some octets.
  class Content final : public UrlContent {
   public:
    explicit Content(std::string octets) : octets_(std::move(octets)) {}
    [[nodiscard]] std::uint64_t size() const override { return octets_.size(); }
    io::Task<Result<std::string_view>> next() override {
      const auto piece = std::string_view(octets_).substr(at_, 7);
      at_ += piece.size();
      co_return piece;
    }

   private:
    std::string octets_;
    std::size_t at_ = 0;
  };
  if (!url.starts_with("imap:")) co_return fail(kUrlForeign, "no IMAP URL");
  if (!peer_->identity || !url.contains("submit+" + peer_->identity->authentication_id))
    co_return fail(kUrlRefused, "not for this user");
  if (url.ends_with("?busy")) co_return fail(kTimedOut, "nobody answers");
  const auto at = house_.urls.find(url);
  if (at == house_.urls.end()) co_return fail(kUrlNothing, "nothing there");
  co_return std::make_unique<Content>(at->second);
}

io::Task<Result<Outcome>> MemorySession::commit(const BodyFacts& facts) {
  Outcome outcome{Reply(reply::kMessageOk), {}};
  for (const envelope::Recipient& recipient : message_.envelope.recipients) {
    const bool full = recipient.path.mailbox.local_part.starts_with("full");
    outcome.each.push_back(full ? Reply(452, {4, 2, 2}, recipient.path.text() + " is over quota")
                                : Reply(250, {2, 1, 5}, recipient.path.text() + " delivered"));
  }
  if (std::exchange(accepted_, false)) {
    message_ = {};
    co_return outcome;
  }
  last_ = kept_name(message_.envelope.sender.parameters);
  if (!last_.empty()) house_.kept[last_] = {.message = message_, .accepted = true};
  if (facts.seen.nul() > 0) co_return Outcome{Reply(554, {5, 6, 0}, "Message has NUL"), {}};
  message_.name = peer_->name;
  if (peer_->identity) message_.user = peer_->identity->authentication_id;
  const bool utf8 = message_.envelope.sender.parameters.smtputf8;
  message_.with = with_keyword(*peer_, utf8 ? envelope::Utf8::accept : envelope::Utf8::refuse);
  house_.messages.push_back(std::move(message_));
  message_ = {};
  if (house_.forgets) house_.messages.clear();
  co_return outcome;
}

void MemorySession::abort() {
  ++house_.aborted;
  message_ = {};
}

void MemorySession::note(const Refusal& refusal) {
  constexpr std::array<std::string_view, 3> kAsked = {"mail", "rcpt", "data"};
  if (house_.forgets) return;
  house_.refusals.push_back(refusal.id.text() + " " + std::string(kAsked[static_cast<std::size_t>(refusal.asked)]) +
                            " " + std::string(refusal.said) + ": " + std::to_string(refusal.reply.code));
}

io::Task<Result<Reply>> MemorySession::vrfy(std::string_view text, envelope::Utf8) {
  if (!house_.users.contains(text)) co_return Reply(reply::kWillTry);
  co_return Reply(250, {2, 1, 5}, std::string(text) + " <" + std::string(text) + "@" + house_.domain + ">");
}

io::Task<Result<Reply>> MemorySession::expn(std::string_view text, envelope::Utf8) {
  if (!equals_ignore_case(text, "staff")) co_return Reply(550, {5, 1, 1}, "No such list");
  std::string members;
  for (const auto& [name, password] : house_.users)
    members += (members.empty() ? "<" : "\n<") + name + "@" + house_.domain + ">";
  co_return Reply(250, {2, 1, 5}, std::move(members));
}

io::Task<Result<Reply>> MemorySession::etrn(std::string_view domain) {
  const std::string node(domain);
  if (!equals_ignore_case(domain, house_.domain)) co_return Reply(459, {4, 7, 1}, "Node " + node + " not allowed");
  co_return Reply(253, {2, 0, 0}, "OK, 14 pending messages for node " + node + " started");
}

io::Task<Result<Reply>> MemorySession::atrn(const std::vector<std::string>& domains) {
  for (const std::string& domain : domains) {
    if (equals_ignore_case(domain, "later.example"))
      co_return Reply(451, {4, 3, 0}, "Unable to process ATRN request now");
    if (equals_ignore_case(domain, "empty.example")) co_return Reply(453, {4, 2, 0}, "You have no mail");
    if (!equals_ignore_case(domain, house_.domain)) co_return Reply(450, {4, 7, 1}, "ATRN request refused");
  }
  co_return Reply(250, {2, 0, 0}, "OK now reversing the connection");
}

io::Task<> MemorySession::turned(wire::Connection& connection) {
  Client client(connection, {.name = "mx.example.test"});
  if (!co_await client.open()) co_return;
  const envelope::Envelope envelope{.sender = {},
                                    .recipients = {*envelope::parse_recipient("<l.eva@" + house_.domain + ">")}};
  MessageInMemory message("x\r\n");
  (void)co_await client.send(envelope, {.octets = 3}, message);
  co_await client.quit();
}

void MemorySession::offence(Offence kind) { house_.offences.push_back(kind); }

}  // namespace angarium::protocol::smtp
