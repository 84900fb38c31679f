// Eyes on what servers and users say to each other, between the product's own parts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/network.h"
#include "protocol/smtp/backend.h"
#include "simulation/ledger.h"

namespace angarium::simulation {

/// Called with each whole line that is read, without its end.
using LineHeard = std::function<void(std::string_view line)>;
std::unique_ptr<io::Stream> overheard(std::unique_ptr<io::Stream> stream, LineHeard heard);

/// A server's session, and what it answers at the end of data.
class Witness final : public protocol::smtp::Session {
 public:
  struct Around {
    Ledger& ledger;
    Who from;
    Who to;
    /// Grows each time the server's store stops, and when it dies.
    std::function<std::uint64_t()> breaks;
  };
  Witness(std::unique_ptr<protocol::smtp::Session> inner, Around around)
      : inner_(std::move(inner)), around_(std::move(around)) {}

  io::Task<Result<protocol::smtp::Reply>> connected(const protocol::smtp::Peer& peer) override {
    return inner_->connected(peer);
  }
  wire::saslsec::Desk& credentials() override { return inner_->credentials(); }
  io::Task<Result<>> authenticated(const sasl::Identity& identity) override { return inner_->authenticated(identity); }
  void forgotten() override { inner_->forgotten(); }
  io::ValueOrTask<Result<protocol::smtp::Reply>> mail(const envelope::Sender& sender,
                                                      envelope::DeliveryId id) override {
    id_ = id;
    recipients_.clear();
    header_.clear();
    return inner_->mail(sender, id);
  }
  io::ValueOrTask<Result<protocol::smtp::Reply>> rcpt(const envelope::Recipient& recipient) override;
  io::ValueOrTask<Result<protocol::smtp::Reply>> begin_body() override { return inner_->begin_body(); }
  Result<protocol::smtp::Flow> append(std::string_view octets) override;
  io::ValueOrTask<Result<>> drained() override { return inner_->drained(); }
  io::Task<Result<protocol::smtp::Outcome>> commit(const protocol::smtp::BodyFacts& facts) override;
  void abort() override { inner_->abort(); }
  void note(const protocol::smtp::Refusal& refusal) override { inner_->note(refusal); }
  protocol::smtp::Reply reply_to(const Error& error) override { return inner_->reply_to(error); }
  io::Task<Result<protocol::smtp::Reply>> vrfy(std::string_view text, envelope::Utf8 utf8) override {
    return inner_->vrfy(text, utf8);
  }
  io::Task<Result<protocol::smtp::Reply>> expn(std::string_view text, envelope::Utf8 utf8) override {
    return inner_->expn(text, utf8);
  }
  io::Task<Result<protocol::smtp::Reply>> etrn(std::string_view domain) override { return inner_->etrn(domain); }
  void offence(protocol::smtp::Offence kind) override { inner_->offence(kind); }

 private:
  io::Task<Result<protocol::smtp::Reply>> asked(envelope::Recipient recipient);

  std::unique_ptr<protocol::smtp::Session> inner_;
  Around around_;
  envelope::DeliveryId id_;
  std::vector<std::string> recipients_;
  std::string header_;
};

}  // namespace angarium::simulation
