#include "protocol/pop3/memory_backend.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "sasl/apop.h"
#include "sasl/prepare.h"

namespace angarium::protocol::pop3 {
namespace {

/// A session's copy of the user's messages.
using Snapshot = std::vector<MemoryMessage>;

class MemorySource final : public MessageSource {
 public:
  MemorySource(const MemoryHouse& house, std::shared_ptr<const std::string> octets)
      : house_(house), octets_(std::move(octets)) {}

  [[nodiscard]] std::uint64_t octets() const override { return octets_->size(); }
  io::ValueOrTask<Result<Piece>> next() override {
    if (house_.fail_read_after && at_ >= *house_.fail_read_after)
      return Result<Piece>(fail(kBroken, "a message that can't be read"));
    const std::string_view octets = std::string_view(*octets_).substr(at_, house_.piece);
    at_ += octets.size();
    return Result<Piece>(Piece{octets, house_.shared_pieces ? octets_ : nullptr});
  }

 private:
  const MemoryHouse& house_;
  std::shared_ptr<const std::string> octets_;
  std::size_t at_ = 0;
};

class MemoryMaildrop final : public Maildrop {
 public:
  MemoryMaildrop(MemoryHouse& house, MemoryUser& user, Presentation presentation)
      : house_(house), user_(user), messages_(user.messages), presentation_(presentation) {
    user_.open = true;
  }
  ~MemoryMaildrop() override { user_.open = false; }

  [[nodiscard]] std::size_t count() const override { return messages_.size(); }
  [[nodiscard]] std::uint64_t octets(std::size_t index) const override {
    return messages_[index].listed.value_or(text(index).size());
  }
  void append_unique_id(std::size_t index, std::string& to) const override { to += messages_[index].unique_id; }
  [[nodiscard]] std::size_t last_accessed() const override { return user_.last_accessed; }

  io::ValueOrTask<Result<std::unique_ptr<MessageSource>>> read(std::size_t index, Purpose) override {
    using Opened = Result<std::unique_ptr<MessageSource>>;
    const MemoryMessage& message = messages_[index];
    if (presentation_ == Presentation::downgraded && !message.downgraded && !all_ascii(message.octets))
      return Opened(fail(kNeedsUtf8, "use UTF8 before login to see this message"));
    return Opened(std::make_unique<MemorySource>(house_, std::make_shared<const std::string>(text(index))));
  }

  io::Task<Result<>> remove(std::span<const std::size_t> indexes) override {
    if (house_.fail_remove) co_return std::unexpected(*house_.fail_remove);
    for (const std::size_t index : indexes)
      std::erase_if(user_.messages,
                    [&](const MemoryMessage& one) { return one.unique_id == messages_[index].unique_id; });
    co_return Result<>();
  }

 private:
  [[nodiscard]] const std::string& text(std::size_t index) const {
    const MemoryMessage& message = messages_[index];
    return presentation_ == Presentation::downgraded && message.downgraded ? *message.downgraded : message.octets;
  }

  MemoryHouse& house_;
  MemoryUser& user_;
  Snapshot messages_;
  Presentation presentation_;
};

std::string_view acting(const sasl::Identity& identity) {
  return identity.authorization_id.empty() ? identity.authentication_id : identity.authorization_id;
}

}  // namespace

io::Task<Result<>> MemoryAuthenticator::connected(const wire::Connection&) {
  if (house_.refuse_connection) co_return std::unexpected(*house_.refuse_connection);
  co_return Result<>();
}

wire::saslsec::Desk& MemoryAuthenticator::credentials() {
  house_.logins.users.clear();
  for (const auto& [name, user] : house_.users) house_.logins.users[name] = user.password;
  house_.logins.external_identity = house_.external_identity;
  house_.logins.trouble = house_.fail_verify;
  return desk_;
}

io::Task<Result<std::unique_ptr<Maildrop>>> MemoryAuthenticator::open(const Login& login) {
  if (house_.fail_open) co_return std::unexpected(*house_.fail_open);
  // Guests read what is everybody's.
  const auto user = login.identity.standing == sasl::Standing::guest ? house_.users.find("guest")
                                                                     : house_.users.find(acting(login.identity));
  if (user == house_.users.end()) co_return fail(kBroken, "a user without a maildrop");
  if (user->second.open) co_return fail(kInUse, "another session holds this maildrop");
  co_return std::make_unique<MemoryMaildrop>(house_, user->second, login.presentation);
}

}  // namespace angarium::protocol::pop3
