#include "sasl/mechanism.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace angarium::sasl {

namespace {

/// Strongest first: bound to the channel, then proofs, sound ones before weak ones, then what hands over the secret.
constexpr std::array<const Mechanism*, 20> kMechanisms = {&kScramSha512Plus,
                                                          &kScramSha256Plus,
                                                          &kScramSha1Plus,
                                                          &kGs2Krb5Plus,
                                                          &kScramSha512,
                                                          &kScramSha256,
                                                          &kScramSha1,
                                                          &kGs2Krb5,
                                                          &kGssapi,
                                                          &kExternal,
                                                          &kOtp,
                                                          &kDigestMd5,
                                                          &kNtlm,
                                                          &kCramMd5,
                                                          &kSkey,
                                                          &kOauthBearer,
                                                          &kXoauth2,
                                                          &kPlain,
                                                          &kLogin,
                                                          &kAnonymous};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::any_of(names, [&](std::string_view one) { return equals_ignore_case(one, name); });
}

/// Whether a stranger at the other end of TLS can take the exchange to the server that was meant, and keep its session.
/// What the client could not bind to has told nothing, and strangers choose what TLS there is.
bool may_be_carried_on(const Mechanism& mechanism, const Choice& choice) {
  if (mechanism.on_the_wire != OnTheWire::proof || mechanism.grade == Grade::weak) return false;
  return mechanism.binding == Binding::none || !choice.has_bindings;
}

const Mechanism* choose(const Choice& choice, Grade grade, Layers layers) {
  for (const Mechanism* one : kMechanisms) {
    if (one->grade != grade || one->needs != choice.has || !contains(choice.names, one->name)) continue;
    if (layers == Layers::negotiated && one->layers == Layers::none) continue;
    if (one->on_the_wire == OnTheWire::plaintext && choice.plaintext == Plaintext::refused) continue;
    if (one->binding == Binding::required && !choice.has_bindings) continue;
    if (choice.peer == Peer::unknown && may_be_carried_on(*one, choice)) continue;
    return one;
  }
  return nullptr;
}

}  // namespace

std::span<const Mechanism* const> mechanisms() { return kMechanisms; }

const Mechanism* find_mechanism(std::string_view name) {
  const auto found =
      std::ranges::find_if(kMechanisms, [&](const Mechanism* one) { return equals_ignore_case(one->name, name); });
  return found == kMechanisms.end() ? nullptr : *found;
}

std::vector<std::string_view> default_mechanisms() {
  std::vector<std::string_view> result;
  for (const Mechanism* one : kMechanisms)
    if (one->by_default == ByDefault::on) result.push_back(one->name);
  return result;
}

bool is_offered(const Mechanism& mechanism, const Offer& offer) {
  if (!contains(offer.enabled, mechanism.name)) return false;
  if (mechanism.on_the_wire == OnTheWire::plaintext && offer.plaintext == Plaintext::refused) return false;
  if (mechanism.binding == Binding::required && !offer.has_bindings) return false;
  return mechanism.needs != Needs::external_identity || offer.has_external_identity;
}

std::vector<const Mechanism*> offered(const Offer& offer) {
  std::vector<const Mechanism*> result;
  std::ranges::copy_if(kMechanisms, std::back_inserter(result),
                       [&](const Mechanism* one) { return is_offered(*one, offer); });
  return result;
}

PlusOffered plus_among(std::span<const std::string_view> names, Needs needs) {
  for (const Mechanism* one : kMechanisms)
    if (one->binding == Binding::required && one->needs == needs && contains(names, one->name)) return PlusOffered::yes;
  return PlusOffered::no;
}

const Mechanism* choose(const Choice& choice) {
  for (const Grade grade : {Grade::sound, Grade::weak}) {
    if (grade == Grade::weak && choice.weak == Choice::Weak::refused) continue;
    for (const Layers layers : {Layers::negotiated, Layers::none}) {
      if (layers == Layers::negotiated && choice.layer == Choice::Layer::unwanted) continue;
      if (layers == Layers::none && choice.layer == Choice::Layer::required) continue;
      if (const Mechanism* const found = choose(choice, grade, layers)) return found;
    }
  }
  return nullptr;
}

}  // namespace angarium::sasl
