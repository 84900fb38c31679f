// What the schema says of itself: for `config show`, `config explain` and the file that `init` writes.
#include <algorithm>
#include <array>
#include <optional>

#include "configuration/configuration.h"
#include "configuration/schema.h"

namespace angarium::configuration {
namespace {

std::string quote(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

/// The value of a field as it would stand in the file.
struct Value {
  Configuration& configuration;
  std::string operator()(TextField field) const { return quote(field(configuration)); }
  std::string operator()(ListField field) const {
    std::string result;
    for (const std::string& text : field(configuration)) result += (result.empty() ? "" : ", ") + quote(text);
    return "[" + result + "]";
  }
  std::string operator()(SwitchField field) const { return field(configuration) ? "true" : "false"; }
  std::string operator()(DurationField field) const { return quote(format_duration(field(configuration))); }
  std::string operator()(const NumberField& field) const { return std::to_string(field.get(configuration)); }
  std::string operator()(const SizeField& field) const { return quote(format_size(field.get(configuration))); }
  std::string operator()(const ChoiceField& field) const { return quote(field.words[field.get(configuration)]); }
};

struct Type {
  std::string operator()(TextField) const { return "text"; }
  std::string operator()(ListField) const { return "list of texts"; }
  std::string operator()(DurationField) const { return "duration"; }
  std::string operator()(SwitchField) const { return "true or false"; }
  std::string operator()(const NumberField& field) const {
    return "number from " + std::to_string(field.low) + " to " + std::to_string(field.high);
  }
  std::string operator()(const SizeField& field) const {
    return "size from " + format_size(field.low) + " to " + format_size(field.high);
  }
  std::string operator()(const ChoiceField& field) const {
    std::string result;
    for (std::string_view word : field.words) result += (result.empty() ? "one of " : ", ") + std::string(word);
    return result;
  }
};

struct Port {
  std::string_view protocol;
  unsigned number;
};
// The standard ports (IANA), in the order in which a reader looks for them.
constexpr std::array<Port, 8> kPorts = {{{"smtp", 25},
                                         {"submission", 587},
                                         {"submissions", 465},
                                         {"lmtp", 24},
                                         {"imap", 143},
                                         {"imaps", 993},
                                         {"pop3", 110},
                                         {"pop3s", 995}}};

}  // namespace

std::vector<KeyDescription> describe(const Configuration& configuration) {
  Configuration defaults;
  Configuration current = configuration;
  std::vector<KeyDescription> result;
  for (const Key& key : keys()) {
    const std::string name = std::string(key.section) + "." + std::string(key.name);
    result.push_back({name, std::visit(Type{}, key.field), std::visit(Value{defaults}, key.field),
                      std::visit(Value{current}, key.field), std::string(key.explanation), effect_of(name)});
  }
  for (const RepeatedKey& key : repeated_keys()) {
    const std::string name = std::string(key.section) + "." + std::string(key.name);
    result.push_back({name, std::string(key.type), "", "", std::string(key.explanation), effect_of(name)});
  }
  const std::string transport = std::string(kTransportSection) + ".KEY";
  result.push_back({transport, "transport", "", "", std::string(transport_explanation()), effect_of(transport)});
  const std::string delivery = std::string(kDeliverySection) + ".KEY";
  result.push_back({delivery, "place", "", "", std::string(delivery_explanation()), effect_of(delivery)});
  const std::string location = std::string(kLocationSection) + ".KEY";
  result.push_back({location, "location", "", "", std::string(location_explanation()), effect_of(location)});
  return result;
}

namespace {

/// Any key may stand there: the section as a whole, or the line that is asked for.
std::optional<KeyDescription> explain_line(const std::vector<KeyDescription>& all, std::string_view section,
                                           const std::vector<TransportRule>& rules, std::string_view name) {
  const std::string prefix = std::string(section) + ".";
  if (name != section && !name.starts_with(prefix)) return std::nullopt;
  KeyDescription key = *std::ranges::find(all, prefix + "KEY", &KeyDescription::name);
  for (const TransportRule& rule : rules) {
    if (prefix + rule.key != name) continue;
    key.name = name;
    key.value = quote(rule.transport);
  }
  return key;
}

}  // namespace

Result<KeyDescription> explain(const Configuration& configuration, std::string_view name) {
  const std::vector<KeyDescription> all = describe(configuration);
  std::vector<std::string_view> names;
  for (const KeyDescription& key : all) {
    if (key.name == name) return key;
    names.push_back(key.name);
  }
  // `config show` lists the listeners by their protocols.
  if (name.starts_with("listener.") &&
      std::ranges::find(listener_protocols(), name.substr(9)) != listener_protocols().end())
    return explain(configuration, "listener.address");
  if (auto line = explain_line(all, kTransportSection, configuration.transports, name)) return *line;
  if (auto line = explain_line(all, kDeliverySection, configuration.deliveries, name)) return *line;
  if (auto line = explain_line(all, kLocationSection, configuration.locations, name)) return *line;
  std::string inside;
  for (const std::string_view key : names)
    if (key.starts_with(std::string(name) + ".")) (inside += inside.empty() ? "" : ", ") += key;
  if (!inside.empty()) return fail(kInvalid, "'" + std::string(name) + "' is a section; its keys are " + inside);
  const std::string_view best = nearest(name, names);
  return fail(kInvalid, "there is no key '" + std::string(name) + "'" +
                            (best.empty() ? "; 'angarium config show' lists all"
                                          : "; did you mean '" + std::string(best) + "'?"));
}

std::string initial_file(const InitialSettings& settings) {
  std::string text =
      "# Angarium. Every key, its default and what it does: angarium config show, angarium config explain KEY\n"
      "# Domains, accounts and aliases are not here but in the store: angarium account add ADDRESS\n\n"
      "[server]\nhostname = " +
      quote(settings.hostname) +
      "\ndata = \"store\"\n\n"
      "[tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n\n"
      "[auth]\nplaintext_without_tls = \"loopback\"\n";
  if (settings.system_users) text += "\n[local]\nsystem_users = true\n";
  const std::string loopback = "127.0.0.1";
  const bool ipv6 = settings.address.find(':') != std::string::npos;
  const std::string host = ipv6 ? "[" + settings.address + "]" : settings.address;
  for (const Port& port : kPorts) {
    // LMTP asks nobody who they are (RFC 2033 §4.4): only programs of this host reach it.
    const std::string& where = port.protocol == "lmtp" ? loopback : host;
    text += "\n[[listener]]\nprotocol = " + quote(port.protocol) +
            "\naddress = " + quote(where + ":" + std::to_string(port.number + settings.port_offset)) + "\n";
  }
  return text;
}

}  // namespace angarium::configuration
