#include "sasl/mechanism.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace angarium::sasl {

namespace {

/// Strongest first: bound to the channel, then proofs, then what hands over the password.
constexpr std::array<const Mechanism*, 7> kMechanisms = {&kScramSha256Plus, &kScramSha1Plus, &kScramSha256, &kScramSha1,
                                                         &kExternal,        &kPlain,         &kLogin};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::any_of(names, [&](std::string_view one) { return equals_ignore_case(one, name); });
}

}  // namespace

std::span<const Mechanism* const> mechanisms() { return kMechanisms; }

const Mechanism* find_mechanism(std::string_view name) {
  const auto found =
      std::ranges::find_if(kMechanisms, [&](const Mechanism* one) { return equals_ignore_case(one->name, name); });
  return found == kMechanisms.end() ? nullptr : *found;
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

PlusOffered plus_among(std::span<const std::string_view> names) {
  for (const Mechanism* one : kMechanisms)
    if (one->binding == Binding::required && contains(names, one->name)) return PlusOffered::yes;
  return PlusOffered::no;
}

const Mechanism* choose(const Choice& choice) {
  for (const Mechanism* one : kMechanisms) {
    if (one->needs != choice.has || !contains(choice.names, one->name)) continue;
    if (one->on_the_wire == OnTheWire::plaintext && choice.plaintext == Plaintext::refused) continue;
    if (one->binding == Binding::required && !choice.has_bindings) continue;
    return one;
  }
  return nullptr;
}

}  // namespace angarium::sasl
