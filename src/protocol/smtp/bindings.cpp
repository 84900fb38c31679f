#include "protocol/smtp/bindings.h"

#include <string>
#include <string_view>
#include <utility>

namespace angarium::protocol::smtp {

std::vector<sasl::ChannelBinding> channel_bindings(const wire::Connection& connection) {
  std::vector<sasl::ChannelBinding> bindings;
  if (connection.tls() == nullptr) return bindings;
  for (const std::string_view type : {"tls-exporter", "tls-unique"})
    if (auto data = connection.channel_binding(type)) bindings.push_back({std::string(type), *std::move(data)});
  return bindings;
}

}  // namespace angarium::protocol::smtp
