#include "sasl/gs2_header.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::sasl {
namespace {

std::unexpected<Error> malformed(std::string text) { return fail(kMalformed, "GS2: " + std::move(text)); }

std::unexpected<Error> unbound(std::string text) { return fail(kChannelBinding, "GS2: " + std::move(text)); }

/// gs2-cbind-flag "," of the message, which is shortened to what follows.
Result<> gs2_cbind_flag(std::string_view& message, Gs2Header& header) {
  if (message.find(',') == std::string_view::npos) return malformed("the GS2 header is missing");
  std::string_view flag = take_until(message, ',');
  if (flag == "n") {
    header.flag = BindingFlag::unsupported;
  } else if (flag == "y") {
    header.flag = BindingFlag::server_unaware;
  } else if (flag.starts_with("p=")) {
    flag.remove_prefix(2);
    if (flag.empty() || !std::ranges::all_of(flag, [](char c) { return is_alnum(c) || c == '.' || c == '-'; }))
      return malformed("no name of a channel binding");
    header.flag = BindingFlag::used;
    header.binding_type = flag;
  } else {
    return malformed("the first message begins with none of n, y and p");
  }
  return {};
}

}  // namespace

Result<std::string> parse_saslname(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    if (text.front() != '=') {
      result += text.front();
      text.remove_prefix(1);
      continue;
    }
    if (text.starts_with("=2C")) {
      result += ',';
    } else if (text.starts_with("=3D")) {
      result += '=';
    } else {
      return malformed("\"=\" in a name stands for neither \",\" nor \"=\"");
    }
    text.remove_prefix(3);
  }
  if (result.size() > kNameMax) return fail(kTooLong, "GS2: a name is too long");
  return result;
}

Result<Gs2Header> parse_gs2_header(std::string_view& message) {
  const std::string_view whole = message;
  Gs2Header header;
  TRY(gs2_cbind_flag(message, header));
  if (message.find(',') == std::string_view::npos) return malformed("the GS2 header has no end");
  const std::string_view authzid = take_until(message, ',');
  if (!authzid.empty()) {
    if (!authzid.starts_with("a=") || authzid.size() == 2) return malformed("the authorization identity is malformed");
    header.authorization_id = TRY(parse_saslname(authzid.substr(2)));
  }
  header.octets = whole.substr(0, whole.size() - message.size());
  return header;
}

Result<std::string> channel_binding_input(const Gs2Header& header, Gs2Plus plus, PlusOffered plus_offered,
                                          std::span<const ChannelBinding> bindings) {
  if (header.flag == BindingFlag::used) {
    if (plus == Gs2Plus::no) return unbound("channel binding without a -PLUS mechanism");
    const auto found = std::ranges::find(bindings, header.binding_type, &ChannelBinding::type);
    if (found == bindings.end()) return unbound("this connection has no such channel binding");
    return header.octets + found->data;
  }
  if (plus == Gs2Plus::yes) return unbound("a -PLUS mechanism without channel binding");
  // The client can bind and saw no -PLUS mechanism, yet there was one: somebody removed it from the list.
  if (header.flag == BindingFlag::server_unaware && plus_offered == PlusOffered::yes)
    return unbound("the list of mechanisms was changed on its way to the client");
  return header.octets;
}

std::string write_saslname(std::string_view name) {
  std::string result;
  result.reserve(name.size());
  for (const char c : name) {
    if (c == ',') {
      result += "=2C";
    } else if (c == '=') {
      result += "=3D";
    } else {
      result += c;
    }
  }
  return result;
}

std::string write_gs2_header(BindingFlag flag, std::string_view binding_type, std::string_view authorization_id) {
  std::string result;
  if (flag == BindingFlag::used) {
    result = "p=" + std::string(binding_type);
  } else {
    result = flag == BindingFlag::server_unaware ? "y" : "n";
  }
  result += ',';
  if (!authorization_id.empty()) result += "a=" + write_saslname(authorization_id);
  return result + ',';
}

}  // namespace angarium::sasl
