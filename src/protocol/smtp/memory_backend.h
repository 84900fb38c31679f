// The port answered from memory: for tests, fuzzing and benchmarks.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "protocol/smtp/backend.h"
#include "wire/saslsec/memory_desk.h"

namespace angarium::protocol::smtp {

/// What all memory sessions share: users, and what arrived for them. One thread. Of `users`, a local part "full…" is
/// over quota at the end of data, "later…" is refused for now at RCPT, and for "broken" the sink fails.
struct MemoryHouse : wire::saslsec::MemoryLogins {
  struct Message {
    envelope::DeliveryId id;
    envelope::Envelope envelope;
    std::string octets;
    std::string name;  ///< what the client called itself
    std::string user;  ///< who was authenticated
    std::string with;  ///< the Received keyword
  };

  /// Local domain; others are not relayed to unless the client is authenticated.
  std::string domain = "example.test";
  std::vector<Message> messages;
  std::vector<Offence> offences;
  /// "ID asked said: code text" of each refusal, in words.
  std::vector<std::string> refusals;
  /// Transactions that broke off, and those whose client may not know that they are over, by client and TRANSID.
  struct Kept {
    Message message;
    bool accepted = false;
  };
  std::map<std::string, Kept> kept;
  std::size_t aborted = 0;  ///< transactions that ended without a message
  /// What URLs name; those that end in "?busy" cannot be resolved now.
  std::map<std::string, std::string, std::less<>> urls;
  /// Said instead of 220.
  Reply greeting{220, {}, ""};
  /// The sink wants a pause after each append.
  bool pauses = false;
  /// Who logged in, and "" where a session became nobody's again.
  std::vector<std::string> logged_in;
  /// Refuses logins at their end, for now.
  bool turns_logins_away = false;
  /// Keeps no bodies: for benchmarks.
  bool forgets = false;
};

class MemorySession final : public Session {
 public:
  explicit MemorySession(MemoryHouse& house) : house_(house), desk_(house) {}

  io::Task<Result<Reply>> connected(const Peer& peer) override;
  wire::saslsec::Desk& credentials() override { return desk_; }
  io::Task<Result<>> authenticated(const sasl::Identity& identity) override;
  void forgotten() override { house_.logged_in.emplace_back(); }
  io::ValueOrTask<Result<Reply>> mail(const envelope::Sender& sender, envelope::DeliveryId id) override;
  io::ValueOrTask<Result<Reply>> rcpt(const envelope::Recipient& recipient) override;
  io::ValueOrTask<Result<Reply>> begin_body() override;
  Result<Flow> append(std::string_view octets) override;
  io::ValueOrTask<Result<>> drained() override;
  io::Task<Result<std::unique_ptr<UrlContent>>> open_url(std::string url) override;
  io::Task<Result<Outcome>> commit(const BodyFacts& facts) override;
  void abort() override;
  void note(const Refusal& refusal) override;
  io::Task<Result<std::optional<Checkpoint>>> resume(const envelope::Sender& sender, envelope::DeliveryId id) override;
  io::Task<> ended(Ending ending) override;
  io::Task<Result<Reply>> vrfy(std::string_view text, envelope::Utf8 utf8) override;
  io::Task<Result<Reply>> expn(std::string_view text, envelope::Utf8 utf8) override;
  io::Task<Result<Reply>> etrn(std::string_view domain) override;
  io::Task<Result<Reply>> atrn(const std::vector<std::string>& domains) override;
  io::Task<> turned(wire::Connection& connection) override;
  void offence(Offence kind) override;

 private:
  MemoryHouse& house_;
  wire::saslsec::MemoryDesk desk_;
  const Peer* peer_ = nullptr;
  MemoryHouse::Message message_;
  bool paused_ = false;
  bool accepted_ = false;  ///< the transaction that goes on was accepted before
  std::string last_;       ///< of MemoryHouse::kept: the session's last message
  [[nodiscard]] std::string kept_name(const envelope::MailParameters& said) const;
};

}  // namespace angarium::protocol::smtp
