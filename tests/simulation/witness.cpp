#include "simulation/witness.h"

#include <fmt/format.h>

namespace angarium::simulation {
namespace {

namespace smtp = protocol::smtp;

/// So much of a message is looked at for its Message-ID.
constexpr std::size_t kHeaderMax = 8192;

class Overheard final : public io::Stream {
 public:
  Overheard(std::unique_ptr<io::Stream> inner, LineHeard heard) : inner_(std::move(inner)), heard_(std::move(heard)) {}

  Result<std::size_t> try_read(std::span<char> room) override {
    auto count = inner_->try_read(room);
    if (count) listen(std::string_view(room.data(), *count));
    return count;
  }
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override { return inner_->try_write(pieces); }
  void set_deadline(Moment deadline) override { inner_->set_deadline(deadline); }
  Result<void> shutdown_write() override { return inner_->shutdown_write(); }
  void close() override { inner_->close(); }
  [[nodiscard]] const io::Endpoint& peer() const override { return inner_->peer(); }
  [[nodiscard]] const io::Endpoint& local() const override { return inner_->local(); }
  bool start_wait(io::StreamWait& wait) override { return inner_->start_wait(wait); }
  void stop_wait(io::StreamWait& wait) noexcept override { inner_->stop_wait(wait); }

 private:
  void listen(std::string_view octets) {
    line_ += octets;
    for (std::size_t end = line_.find("\r\n"); end != std::string::npos; end = line_.find("\r\n")) {
      heard_(std::string_view(line_).substr(0, end));
      line_.erase(0, end + 2);
    }
  }

  std::unique_ptr<io::Stream> inner_;
  LineHeard heard_;
  std::string line_;
};

}  // namespace

std::unique_ptr<io::Stream> overheard(std::unique_ptr<io::Stream> stream, LineHeard heard) {
  return std::make_unique<Overheard>(std::move(stream), std::move(heard));
}

io::ValueOrTask<Result<smtp::Reply>> Witness::rcpt(const envelope::Recipient& recipient) { return asked(recipient); }

io::Task<Result<smtp::Reply>> Witness::asked(envelope::Recipient recipient) {
  auto reply = co_await inner_->rcpt(recipient);
  if (reply && reply->completed()) recipients_.push_back(recipient.path.mailbox.text());
  co_return reply;
}

Result<smtp::Flow> Witness::append(std::string_view octets) {
  if (header_.size() < kHeaderMax) header_ += octets.substr(0, kHeaderMax - header_.size());
  return inner_->append(octets);
}

io::Task<Result<smtp::Outcome>> Witness::commit(const smtp::BodyFacts& facts) {
  const std::uint64_t before = around_.breaks();
  const std::size_t passage =
      around_.ledger.begin(around_.from, around_.to, token_of("\n" + header_), std::move(recipients_));
  auto outcome = co_await inner_->commit(facts);
  const bool taken = outcome && outcome->reply.completed();
  // An error behind which nothing broke is as good as a no.
  const Answer no = around_.breaks() == before ? Answer::refused : Answer::unknown;
  std::string line = "an error";
  if (outcome) {
    const smtp::Reply& reply = outcome->reply;
    line = fmt::format("{} {}.{}.{} {} (id {})", reply.code, reply.enhanced.status, reply.enhanced.subject,
                       reply.enhanced.detail, reply.text, id_.text());
  }
  around_.ledger.answer(passage, taken ? Answer::taken : no, std::move(line));
  co_return outcome;
}

}  // namespace angarium::simulation
