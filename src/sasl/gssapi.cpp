// GSSAPI (RFC 4752): Kerberos, and an agreement on what protects the octets behind it.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "sasl/gss.h"
#include "sasl/gss_tokens.h"
#include "sasl/mechanism.h"
#include "sasl/prepare.h"

namespace angarium::sasl {
namespace {

/// The bit of a layer and the longest buffer that its sender takes (RFC 4752 §3.1).
constexpr std::size_t kOfferOctets = 4;

unsigned bit_of(Protection protection) { return 1U << static_cast<unsigned>(protection); }

/// All up to the strongest.
unsigned bits_up_to(Protection strongest) { return bit_of(strongest) * 2 - 1; }

std::string write_offer(unsigned bits, std::size_t buffer_max) {
  std::string offer(1, static_cast<char>(bits));
  for (int shift = 16; shift >= 0; shift -= 8) offer += static_cast<char>(buffer_max >> shift & 0xFF);
  return offer;
}

struct Offered {
  unsigned bits = 0;
  std::size_t buffer_max = 0;
};
/// `octets` has kOfferOctets at least.
Offered read_offer(std::string_view octets) {
  Offered offered{.bits = static_cast<unsigned char>(octets[0])};
  for (std::size_t i = 1; i < kOfferOctets; ++i)
    offered.buffer_max = offered.buffer_max << 8 | static_cast<unsigned char>(octets[i]);
  return offered;
}

std::unexpected<Error> malformed(std::string_view text) { return fail(kMalformed, "GSSAPI: " + std::string(text)); }

class GssapiServer final : public ServerExchange {
 public:
  explicit GssapiServer(ServerContext given) : ServerExchange(std::move(given), Starts::client) {}

 protected:
  ServerStep receive(std::string_view response) override {
    switch (stage_) {
      case Stage::tokens:
        if (++tokens_ > kGssTokensMax)
          return Failure{Error(kBadCredentials, "GSSAPI: the exchange of tokens has no end")};
        return GssWanted{.context = std::move(gss_), .token = std::string(response), .service = context().service};
      case Stage::established:
        if (!response.empty()) return Failure{malformed("a token behind the last one").error()};
        return offer();
      case Stage::offered: break;
    }
    auto chosen = choose(response);
    if (!chosen) return Failure{std::move(chosen).error()};
    return AuthorityWanted{identity_};
  }

  ServerStep gss_given(GssAnswer answer) override {
    gss_ = std::move(answer.context);
    if (!answer.owner) return Challenge{std::move(answer.token)};
    identity_.authentication_id = *std::move(answer.owner);
    stage_ = Stage::established;
    if (answer.token.empty()) return offer();
    return Challenge{std::move(answer.token)};
  }

  ServerStep verdict_given(Result<> verdict) override {
    if (!verdict) return Failure{std::move(verdict).error()};
    auto layer = gss_layer(std::move(gss_), protection_, peer_max_);
    if (!layer) return Failure{std::move(layer).error()};
    return Success{std::move(identity_), {}, *std::move(layer)};
  }

 private:
  ServerStep offer() {
    stage_ = Stage::offered;
    strongest_ = std::min(context().protection, gss_->strongest());
    const std::size_t buffer_max = strongest_ == Protection::none ? 0 : kLayerBufferMax;
    auto wrapped = gss_->wrap(write_offer(bits_up_to(strongest_), buffer_max), Protection::none);
    if (!wrapped) return Failure{std::move(wrapped).error()};
    return Challenge{*std::move(wrapped)};
  }

  /// RFC 4752 §3.2, the client's choice of a layer and its authorization identity.
  Result<> choose(std::string_view response) {
    const auto opened = gss_->unwrap(response);
    if (!opened) return malformed("the choice of a layer is not the client's");
    const std::string_view clear = opened->clear;
    if (clear.size() < kOfferOctets) return malformed("the choice of a layer is cut off");
    const Offered chosen = read_offer(clear);
    peer_max_ = chosen.buffer_max;
    const auto all = {Protection::none, Protection::integrity, Protection::confidentiality};
    const auto found = std::ranges::find(all, chosen.bits, bit_of);
    if (found == all.end() || *found > strongest_) return malformed("a layer that was not offered");
    protection_ = *found;
    if (protection_ == Protection::none && peer_max_ != 0) return malformed("buffers without a layer");
    const std::string_view authzid = clear.substr(kOfferOctets);
    if (!authzid.empty()) identity_.authorization_id = TRY(prepare_name(authzid));
    return {};
  }

  enum class Stage { tokens, established, offered } stage_ = Stage::tokens;
  std::size_t tokens_ = 0;
  std::unique_ptr<GssContext> gss_{};
  Identity identity_{};
  Protection strongest_ = Protection::none;
  Protection protection_ = Protection::none;
  std::size_t peer_max_ = 0;
};

class GssapiClient final : public ClientExchange {
 public:
  GssapiClient(std::unique_ptr<GssContext> gss, ClientContext given)
      : ClientExchange(std::move(given)), gss_(std::move(gss)) {}

  Result<std::optional<std::string>> initial_response() override {
    if (gss_ == nullptr) return fail(kUnavailable, "GSSAPI: there is no ticket");
    auto step = TRY(gss_->step({}, std::nullopt));
    established_ = step.established;
    return std::move(step.token);
  }

  Result<std::string> respond(std::string_view challenge) override {
    if (gss_ == nullptr || done_) return malformed("the server asks for more");
    if (!established_) {
      auto step = TRY(gss_->step(challenge, std::nullopt));
      established_ = step.established;
      return std::move(step.token);
    }
    const auto opened = gss_->unwrap(challenge);
    if (!opened) return fail(kServerNotAuthentic, "GSSAPI: the offer of layers is not the server's");
    if (opened->clear.size() != kOfferOctets) return malformed("the offer of layers has not four octets");
    return answer(read_offer(opened->clear));
  }

  Result<> finish(std::string_view data) override {
    if (!data.empty()) return malformed("success comes without data");
    if (!done_) return fail(kServerNotAuthentic, "GSSAPI: the server lets us in without an agreement");
    return {};
  }

  std::unique_ptr<SecurityLayer> take_layer() override { return std::move(layer_); }

 private:
  Result<std::string> answer(Offered offered) {
    // §3.3: bits that are not understood are negotiated off.
    const unsigned layers = bits_up_to(Protection::confidentiality) & ~bit_of(Protection::none);
    if ((offered.bits & layers) == 0 && offered.buffer_max != 0)
      return malformed("the server takes buffers, and offers no layer");
    for (const Protection one : {Protection::confidentiality, Protection::integrity, Protection::none}) {
      if (one > std::min(context().protection_max, gss_->strongest()) || one < context().protection_min ||
          (offered.bits & bit_of(one)) == 0)
        continue;
      const std::size_t buffer_max = one == Protection::none ? 0 : kLayerBufferMax;
      const std::string name = context().identity.authorization_id;
      const std::string authzid = name.empty() ? std::string() : TRY(prepare_name(name));
      auto wrapped = TRY(gss_->wrap(write_offer(bit_of(one), buffer_max) + authzid, Protection::none));
      layer_ = TRY(gss_layer(std::move(gss_), one, offered.buffer_max));
      done_ = true;
      return wrapped;
    }
    return fail(kServerNotAuthentic, "GSSAPI: the server offers no protection that would do");
  }

  std::unique_ptr<GssContext> gss_;
  std::unique_ptr<SecurityLayer> layer_{};
  bool established_ = false;
  bool done_ = false;
};

}  // namespace

constinit const Mechanism kGssapi = {"GSSAPI",
                                     OnTheWire::proof,
                                     Needs::ticket,
                                     Binding::none,
                                     Grade::sound,
                                     ByDefault::off,
                                     [](ServerContext context) -> std::unique_ptr<ServerExchange> {
                                       return std::make_unique<GssapiServer>(std::move(context));
                                     },
                                     [](ClientContext context) -> std::unique_ptr<ClientExchange> {
                                       auto gss = std::move(context.gss);
                                       return std::make_unique<GssapiClient>(std::move(gss), std::move(context));
                                     },
                                     Layers::negotiated};

}  // namespace angarium::sasl
