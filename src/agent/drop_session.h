// SMTP answered by the drop folder: `sendmail -bs` while no server runs. What is answered with 250 at the end of data
// lies in the folder, durable, and is sent when the server is back.
#pragma once

#include <optional>
#include <string>

#include "base/random.h"
#include "drop/folder.h"
#include "drop/letter.h"
#include "drop/options.h"
#include "protocol/smtp/backend.h"
#include "protocol/smtp/policy.h"
#include "wire/saslsec/closed_desk.h"

namespace angarium::agent {

/// What such a session is told: no DSN, priorities or times, for a file of the folder holds none for each recipient.
protocol::smtp::Policy drop_policy(std::string hostname, std::uint64_t message_octets);

/// Blocks while it writes: for a program that serves its own user alone.
class DropSession final : public protocol::smtp::Session {
 public:
  /// `folder`: DIR/drop.
  DropSession(std::string folder, Random& random, const Clock& clock)
      : folder_(std::move(folder)), random_(random), clock_(clock) {}

  io::Task<Result<protocol::smtp::Reply>> connected(const protocol::smtp::Peer& peer) override;
  /// Nobody can log in: the policy does not know AUTH.
  wire::saslsec::Desk& credentials() override { return desk_; }
  io::ValueOrTask<Result<protocol::smtp::Reply>> mail(const envelope::Sender& sender, envelope::DeliveryId id) override;
  io::ValueOrTask<Result<protocol::smtp::Reply>> rcpt(const envelope::Recipient& recipient) override;
  io::ValueOrTask<Result<protocol::smtp::Reply>> begin_body() override;
  Result<protocol::smtp::Flow> append(std::string_view octets) override;
  io::ValueOrTask<Result<>> drained() override { return Result<>(); }
  io::Task<Result<protocol::smtp::Outcome>> commit(const protocol::smtp::BodyFacts& facts) override;
  void abort() override;
  protocol::smtp::Reply reply_to(const Error& error) override;
  io::Task<Result<protocol::smtp::Reply>> vrfy(std::string_view text, envelope::Utf8 utf8) override;
  io::Task<Result<protocol::smtp::Reply>> expn(std::string_view text, envelope::Utf8 utf8) override;
  void offence(protocol::smtp::Offence kind) override;

 private:
  Result<> write_head();
  Result<> finish();

  wire::saslsec::ClosedDesk desk_;
  std::string folder_;
  Random& random_;
  const Clock& clock_;
  drop::Note note_;
  drop::Head head_;
  bool head_written_ = false;
  std::optional<drop::Writer> writer_;
};

}  // namespace angarium::agent
