// The one table of keys: what may stand in the file, with its type, limits and explanation.
#pragma once

#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "configuration/configuration.h"

namespace angarium::configuration {

using TextField = std::string& (*)(Configuration&);
using ListField = std::vector<std::string>& (*)(Configuration&);
using DurationField = Duration& (*)(Configuration&);
using SwitchField = bool& (*)(Configuration&);

/// A whole number within [low, high].
struct NumberField {
  std::int64_t& (*get)(Configuration&);
  std::int64_t low;
  std::int64_t high;
};
/// A number of octets: "50 MiB", "1 GiB" or a plain number.
struct SizeField {
  std::int64_t& (*get)(Configuration&);
  std::int64_t low;
  std::int64_t high;
};
/// One word of a closed list, with the way to set and read it.
struct ChoiceField {
  std::span<const std::string_view> words;
  void (*set)(Configuration&, std::size_t index);
  std::size_t (*get)(const Configuration&);
};

using Field = std::variant<TextField, ListField, DurationField, SwitchField, NumberField, SizeField, ChoiceField>;

struct Key {
  std::string_view section;
  std::string_view name;
  Field field;
  std::string_view explanation;
};

/// The keys of plain sections, in the order in which they are shown.
std::span<const Key> keys();

/// The keys of the repeated tables: [[listener]], [[directory]] and so on.
struct RepeatedKey {
  std::string_view section;
  std::string_view name;
  std::string_view explanation;
  std::string_view type = "text";
};
std::span<const RepeatedKey> repeated_keys();

/// The table [transport], whose keys the operator chooses: what `config explain` says of all of them.
inline constexpr std::string_view kTransportSection = "transport";
std::string_view transport_explanation();
/// The table [delivery], likewise.
inline constexpr std::string_view kDeliverySection = "delivery";
std::string_view delivery_explanation();
/// The table [location], likewise.
inline constexpr std::string_view kLocationSection = "location";
std::string_view location_explanation();
/// Tables whose keys are the operator's.
inline constexpr std::string_view kOwnKeySections[] = {kTransportSection, kDeliverySection, kLocationSection};

/// The protocol names a listener may have.
std::span<const std::string_view> listener_protocols();

/// "90", "1 KiB", "50 MiB", "2 GiB" ↔ octets.
bool parse_size(std::string_view text, std::int64_t& octets);
std::string format_size(std::int64_t octets);
/// "500ms", "30s", "5m", "2h", "7d" ↔ duration.
bool parse_duration(std::string_view text, Duration& duration);
std::string format_duration(Duration duration);

/// The candidate nearest to `word` by edit distance, or empty when none is near (distance > 3 or half the word).
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace angarium::configuration
