// OTP (RFC 2444) and SKEY (RFC 2222 §7.3): passwords that are good for one time. SKEY is OTP with MD4 and fewer words.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/mechanism.h"
#include "sasl/otp_response.h"
#include "sasl/otp_words.h"
#include "sasl/prepare.h"

namespace angarium::sasl {
namespace {

enum class Form { otp, skey };

/// A sequence that nobody's pass phrase made and that stays the same for the same name.
Result<OtpState> fake_state(std::string_view key, std::string_view prepared_name, Form form) {
  const std::string octets = TRY(hmac(Hash::sha512, key, "otp" + std::string(1, '\0') + to_lower(prepared_name)));
  // Otherwise repeatable: the seed is made as that of a real user is.
  class Repeated final : public Random {
   public:
    explicit Repeated(std::string_view octets) : octets_(octets) {}
    void fill(char* to, std::size_t count) override {
      for (std::size_t i = 0; i < count; ++i) to[i] = octets_[at_++ % octets_.size()];
    }

   private:
    std::string_view octets_;
    std::size_t at_ = 0;
  } random(octets);
  OtpState state{.algorithm = form == Form::skey ? OtpAlgorithm::md4 : OtpRenewal{}.algorithm,
                 .sequence = 2 + static_cast<std::uint32_t>(random.below(OtpRenewal{}.sequence - 1)),
                 .seed = otp_seed(random),
                 .last = octets.substr(octets.size() - kOtpOctets)};
  return state;
}

bool usable(const OtpState& state, Form form) {
  return state.sequence >= 2 && state.sequence <= kOtpSequenceMax && is_otp_seed(state.seed) &&
         state.last.size() == kOtpOctets && (form == Form::otp || state.algorithm == OtpAlgorithm::md4);
}

class OtpServer final : public ServerExchange {
 public:
  OtpServer(Form form, ServerContext given) : ServerExchange(std::move(given), Starts::client), form_(form) {}

 protected:
  ServerStep receive(std::string_view response) override { return challenged_ ? password(response) : names(response); }

  ServerStep otp_given(std::optional<OtpCredentials> credentials) override {
    auto fake = fake_state(context().fake_salt_key, identity_.authentication_id, form_);
    if (!fake) return Failure{std::move(fake).error()};
    // Who has used up a sequence is told no more than who has none.
    known_ = credentials && usable(credentials->state, form_);
    authority_ = known_ ? credentials->authority : Authority::refused;
    state_ = known_ ? std::move(credentials->state) : *std::move(fake);
    challenged_ = true;
    if (form_ == Form::skey) return Challenge{std::to_string(state_.sequence - 1) + ' ' + state_.seed};
    return Challenge{
        write_otp_challenge({state_.algorithm, state_.sequence - 1, state_.seed, OtpChallenge::Extended::yes})};
  }

  ServerStep verdict_given(Result<> verdict) override {
    if (!verdict) return Failure{std::move(verdict).error()};
    if (authority_ != Authority::granted) return Failure{without_authority(authority_)};
    if (renewal_refused_) return failure(kMalformed, "OTP: the new sequence can't be used; the old one goes on");
    return Success{std::move(identity_), {}};
  }

 private:
  /// [authorization identity] NUL authentication identity; SKEY has one name only.
  ServerStep names(std::string_view message) {
    if (form_ == Form::otp) {
      const std::size_t end = message.find('\0');
      if (end == std::string_view::npos) return failure(kMalformed, "OTP: a message without fields");
      if (end > 0) {
        auto authzid = prepare_name(message.substr(0, end));
        if (!authzid) return Failure{std::move(authzid).error()};
        identity_.authorization_id = *std::move(authzid);
      }
      message.remove_prefix(end + 1);
    }
    auto name = prepare_name(message);
    if (!name) return Failure{std::move(name).error()};
    identity_.authentication_id = *std::move(name);
    return OtpWanted{identity_};
  }

  Result<OtpResponse> read(std::string_view response) const {
    if (form_ == Form::otp) return parse_otp_response(response);
    OtpResponse result;
    if (auto words = from_six_words(response)) result.passwords.push_back(*std::move(words));
    if (response.size() == kOtpOctets) result.passwords.emplace_back(response);
    if (result.passwords.empty()) return fail(kMalformed, "SKEY: the response is no one-time password");
    return result;
  }

  ServerStep password(std::string_view message) {
    auto response = read(message);
    if (!response) return Failure{std::move(response).error()};
    std::optional<std::string> right;
    for (std::string& one : response->passwords) {
      const auto last = previous_password(state_.algorithm, one);
      if (!last) return Failure{last.error()};
      if (equal_constant_time(*last, state_.last)) right = std::move(one);
    }
    if (!right || !known_) return failure(kBadCredentials, "the user name or password is wrong");
    OtpState next = state_;
    next.sequence -= 1;
    next.last = *std::move(right);
    if (response->renewal == OtpResponse::Renewal::asked) {
      // RFC 2289 §8.0: seed or pass phrase has to change, and of the pass phrase we know nothing. RFC 2243 §4.3: what
      // can't be done costs the password all the same.
      if (response->renewed && response->renewed->seed != to_lower(state_.seed)) {
        next = *std::move(response->renewed);
      } else {
        renewal_refused_ = true;
      }
    }
    return OtpChange{identity_, state_, std::move(next)};
  }

  Form form_;
  Identity identity_{};
  OtpState state_{};
  Authority authority_ = Authority::refused;
  bool challenged_ = false;
  bool known_ = false;
  bool renewal_refused_ = false;
};

class OtpClient final : public ClientExchange {
 public:
  OtpClient(Form form, ClientContext given) : ClientExchange(std::move(given)), form_(form) {}

  Result<std::optional<std::string>> initial_response() override {
    const Identity& identity = context().identity;
    std::string message;
    if (form_ == Form::otp) {
      if (!identity.authorization_id.empty()) message = TRY(prepare_name(identity.authorization_id));
      message += '\0';
    } else if (!identity.authorization_id.empty()) {
      return fail(kNotAuthorized, "SKEY: no room for an authorization identity");
    }
    message += TRY(prepare_name(identity.authentication_id));
    return message;
  }

  Result<std::string> respond(std::string_view challenge) override {
    if (std::exchange(answered_, true)) return fail(kMalformed, "OTP: the server asks for more");
    const OtpChallenge asked =
        TRY(parse_otp_challenge(form_ == Form::otp ? std::string(challenge) : "otp-md4 " + std::string(challenge)));
    // RFC 2243 §4.3: below one there are no passwords.
    if (asked.sequence < 1) return fail(kExhausted, "OTP: the sequence of passwords is used up: begin a new one");
    const std::string_view phrase = context().password.view();
    const std::string seed = form_ == Form::otp ? to_lower(asked.seed) : asked.seed;
    const std::string password = TRY(one_time_password(asked.algorithm, phrase, seed, asked.sequence));
    if (form_ == Form::skey) return to_six_words(password);
    // RFC 2243 §2.2: an extended response is for extended challenges only.
    if (asked.extended == OtpChallenge::Extended::no) return to_hex(password);
    if (!context().otp_renewal) return "hex:" + to_hex(password);
    const OtpState next = TRY(otp_state(phrase, *context().otp_renewal));
    return "init-hex:" + to_hex(password) + ':' + std::string(otp_name(next.algorithm)) + ' ' +
           std::to_string(next.sequence) + ' ' + next.seed + ':' + to_hex(next.last);
  }

  Result<> finish(std::string_view data) override {
    if (!answered_ || !data.empty()) return fail(kMalformed, "OTP: success comes after one password, without data");
    return {};
  }

 private:
  Form form_;
  bool answered_ = false;
};

template <Form form>
constexpr Mechanism row(std::string_view name) {
  return {name,
          OnTheWire::proof,
          Needs::pass_phrase,
          Binding::none,
          Grade::weak,
          ByDefault::off,
          [](ServerContext context) -> std::unique_ptr<ServerExchange> {
            return std::make_unique<OtpServer>(form, std::move(context));
          },
          [](ClientContext context) -> std::unique_ptr<ClientExchange> {
            return std::make_unique<OtpClient>(form, std::move(context));
          }};
}

}  // namespace

constinit const Mechanism kOtp = row<Form::otp>("OTP");
constinit const Mechanism kSkey = row<Form::skey>("SKEY");

}  // namespace angarium::sasl
