// Where an issuer's key set is: a file, or a page over https.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace angarium::directory {

/// No file, no page, or not in time.
inline constexpr ErrorKind kNoKeys{"directory.no-keys", Fault::dependency, Lasting::temporary};

/// For a few kilobytes, from a host that everybody who logs in depends on.
inline constexpr Duration kFetchTimeout = std::chrono::seconds(10);

/// Both block. At most token::kSetMax octets.
Result<std::string> read_keys(const std::string& path);
/// The certificate has to be right by the authorities of `ca_file` (PEM), and the host's. Redirects are not followed.
Result<std::string> fetch_keys(const std::string& url, const std::string& ca_file, Duration timeout = kFetchTimeout);

}  // namespace angarium::directory
