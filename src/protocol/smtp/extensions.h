// What a server said of itself in its reply to EHLO or LHLO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/smtp/reply.h"

namespace angarium::protocol::smtp {

/// All absent after HELO.
struct Extensions {
  bool pipelining = false;                      ///< RFC 2920
  bool eight_bit = false;                       ///< 8BITMIME, RFC 6152
  bool binary = false;                          ///< BINARYMIME, RFC 3030; only together with chunking
  bool chunking = false;                        ///< RFC 3030
  bool smtputf8 = false;                        ///< RFC 6531
  bool dsn = false;                             ///< RFC 3461
  bool starttls = false;                        ///< RFC 3207
  bool enhanced = false;                        ///< ENHANCEDSTATUSCODES, RFC 2034
  bool require_tls = false;                     ///< RFC 8689
  bool deliver_by = false;                      ///< RFC 2852
  std::uint32_t deliver_by_min_s = 0;           ///< with by-mode R, less is refused (RFC 2852 §2); 0: none said
  bool priority = false;                        ///< MT-PRIORITY, RFC 6710
  bool checkpoint = false;                      ///< RFC 1845
  bool atrn = false;                            ///< RFC 2645
  bool future = false;                          ///< FUTURERELEASE, RFC 4865
  bool has_size = false;                        ///< RFC 1870
  std::uint64_t size = 0;                       ///< the server's limit; 0: none said
  std::vector<std::string> mechanisms;          ///< AUTH, RFC 4954; upper case
  std::optional<std::uint32_t> recipients_max;  ///< LIMITS RCPTMAX, RFC 9422
  std::optional<std::uint32_t> messages_max;    ///< LIMITS MAILMAX, RFC 9422
};

/// Reads the lines behind the first one. Keywords compare without case, unknown ones mean nothing, broken parameters
/// are as if absent. "AUTH=PLAIN" as Microsoft's servers of old said it is understood.
Extensions parse_extensions(std::string_view reply_text);

}  // namespace angarium::protocol::smtp
