#include "sasl/memory_gss.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/text.h"

namespace angarium::sasl {
namespace {

constexpr std::string_view kKerberos = "\x06\x09\x2A\x86\x48\x86\xF7\x12\x01\x02\x02";
constexpr char kSealing = 0x20;  ///< what octets of sealed messages are changed by
constexpr std::string_view kMore = "more";
constexpr std::string_view kReply = "it is me";

/// What a short text is bound to; every octet counts.
std::string fingerprint(const std::optional<std::string>& bindings) {
  return bindings ? std::to_string(std::hash<std::string>()(*bindings)) : std::string("-");
}

/// "slow slow ann": two.
std::size_t rounds_more(std::string_view owner) {
  constexpr std::string_view kSlow = "slow ";
  std::size_t rounds = 0;
  for (; owner.starts_with(kSlow); owner.remove_prefix(kSlow.size())) ++rounds;
  return rounds;
}

/// RFC 2743 §3.1, for less than 128 octets.
std::string first_token(std::string_view owner, std::string_view service, std::string_view bound) {
  std::string text(kKerberos);
  text += owner;
  text += '\n';
  text += service;
  text += '\n';
  text += bound;
  return std::string(1, 0x60) + static_cast<char>(text.size()) + text;
}

std::string changed(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(c ^ kSealing);
  return result;
}

/// What both sides do once they know each other.
class Established : public GssContext {
 public:
  explicit Established(Protection strongest) : strongest_(strongest) {}

  [[nodiscard]] Protection strongest() const override { return strongest_; }
  [[nodiscard]] std::size_t clear_max(std::size_t protected_max, Protection) const override {
    return protected_max < 2 ? 0 : protected_max - 2;
  }
  Result<std::string> wrap(std::string_view clear, Protection protection) override {
    const bool sealed = protection == Protection::confidentiality;
    return std::string(1, sealed ? 's' : 'i') + static_cast<char>(out_++) +
           (sealed ? changed(clear) : std::string(clear));
  }
  Result<Opened> unwrap(std::string_view message) override {
    if (message.size() < 2 || (message[0] != 's' && message[0] != 'i') || message[1] != static_cast<char>(in_))
      return fail(kLayer, "not the next message");
    ++in_;
    const bool sealed = message[0] == 's';
    message.remove_prefix(2);
    return Opened{.clear = sealed ? changed(message) : std::string(message), .sealed = sealed};
  }

 private:
  Protection strongest_;
  unsigned char out_ = 0;
  unsigned char in_ = 0;
};

class Initiator final : public Established {
 public:
  Initiator(std::string owner, std::string service, Protection strongest)
      : Established(strongest), owner_(std::move(owner)), service_(std::move(service)), more_(rounds_more(owner_)) {}

  Result<Step> step(std::string_view token, const std::optional<std::string>& bindings) override {
    if (token.empty() && !std::exchange(begun_, true))
      return Step{.token = first_token(owner_, service_, fingerprint(bindings))};
    if (token == kMore && more_ > 0) return Step{.token = std::string(kMore), .established = --more_ == 0};
    if (token == kReply) return Step{.token = {}, .established = true};
    return fail(kServerNotAuthentic, "this is not whom the ticket is for");
  }

 private:
  std::string owner_;
  std::string service_;
  std::size_t more_;
  bool begun_ = false;
};

class Acceptor final : public Established {
 public:
  using Established::Established;

  Result<Step> step(std::string_view token, const std::optional<std::string>& bindings) override {
    if (!owner.empty()) {
      if (token != kMore || more_ == 0) return fail(kMalformed, "not the next token");
      if (--more_ > 0) return Step{.token = std::string(kMore)};
      return Step{.token = {}, .established = true};
    }
    std::string_view rest = token.substr(std::min<std::size_t>(2, token.size()));
    if (!rest.starts_with(kKerberos)) return fail(kMalformed, "no token of Kerberos");
    rest.remove_prefix(kKerberos.size());
    const std::string_view who = take_until(rest, '\n');
    const std::string_view what_for = take_until(rest, '\n');
    if (first_token(who, what_for, rest) != token) return fail(kMalformed, "a damaged token");
    if (what_for != service) return fail(kBadCredentials, "a ticket for something else");
    if (rest != fingerprint(bindings)) return fail(kChannelBinding, "bound to something else");
    owner = who;
    more_ = rounds_more(owner);
    if (more_ > 0) return Step{.token = std::string(kMore)};
    return Step{.token = std::string(kReply), .established = true};
  }

  std::string owner{};
  std::string service{};

 private:
  std::size_t more_ = 0;
};

}  // namespace

std::unique_ptr<GssContext> memory_gss_initiator(std::string owner, std::string service, Protection strongest) {
  return std::make_unique<Initiator>(std::move(owner), std::move(service), strongest);
}

Result<GssAnswer> memory_gss_answer(GssWanted wanted, Protection strongest) {
  if (wanted.context == nullptr) {
    auto made = std::make_unique<Acceptor>(strongest);
    made->service = std::move(wanted.service);
    wanted.context = std::move(made);
  }
  auto step = TRY(wanted.context->step(wanted.token, wanted.bindings));
  GssAnswer answer{.context = nullptr, .token = std::move(step.token), .owner = {}};
  // Contexts of an exchange are those that were made for it here.
  if (step.established) answer.owner = static_cast<Acceptor&>(*wanted.context).owner;
  answer.context = std::move(wanted.context);
  return answer;
}

}  // namespace angarium::sasl
