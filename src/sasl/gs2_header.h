// The header by which GS2 mechanisms (RFC 5801 §4), SCRAM among them, begin, and what channel it binds them to.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sasl/types.h"

namespace angarium::sasl {

/// gs2-cb-flag
enum class BindingFlag {
  unsupported,     ///< n: the client can't bind
  server_unaware,  ///< y: it can, but saw no -PLUS mechanism
  used,            ///< p: it does
};

struct Gs2Header {
  BindingFlag flag = BindingFlag::unsupported;
  std::string binding_type;      ///< cb-name, with BindingFlag::used only
  std::string authorization_id;  ///< decoded, as received; empty if absent
  std::string octets;            ///< as received
};

/// The header at the beginning of `message`, which is shortened to what follows. Without gs2-nonstd-flag.
Result<Gs2Header> parse_gs2_header(std::string_view& message);
std::string write_gs2_header(BindingFlag flag, std::string_view binding_type, std::string_view authorization_id);

enum class Gs2Plus { no, yes };
/// What the client has to have bound the exchange to (RFC 5801 §5.1, RFC 5802 §6): the header and the data of the
/// channel binding; kChannelBinding where its flag does not do for this mechanism on this connection.
Result<std::string> channel_binding_input(const Gs2Header& header, Gs2Plus plus, PlusOffered plus_offered,
                                          std::span<const ChannelBinding> bindings);

/// saslname: "," and "=" as =2C and =3D.
Result<std::string> parse_saslname(std::string_view text);
std::string write_saslname(std::string_view name);

}  // namespace angarium::sasl
