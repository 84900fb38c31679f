// Octets of a stored body as they are shown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "keyring/body.h"
#include "mailbox/email.h"
#include "mailbox/presentation.h"
#include "store/tablet.h"

namespace angarium::mailbox {

/// Where a body lies, and what it is sealed by. Looks at both.
struct StoredBody {
  const store::BodyRef& ref;
  std::string_view key;  ///< empty: it lies there as it came

  StoredBody(const store::BodyRef& lies, std::string_view by) : ref(lies), key(by) {}
  StoredBody(const EmailView& email) : StoredBody(email.body, email.body_key) {}  // NOLINT: it is where its body is
  /// Octets as it came.
  [[nodiscard]] std::uint64_t length() const {
    return key.empty() ? ref.length : keyring::plain_size(ref.length).value_or(0);
  }
};

/// Appends the shown octets [offset, offset + length) of a body to `out`; fewer at its end. Costs `length`, and at most
/// Presentation::kMarkDistance more where the body is not shown as it is stored. Tier::memory: all, or kWouldBlock of
/// this room and `out` as it was.
Result<> read_shown(store::Tablet& tablet, const StoredBody& body, const Presentation& presentation,
                    std::uint64_t offset, std::size_t length, store::Tier tier, std::string& out);
/// The same of the octets as they came.
Result<> read_stored(store::Tablet& tablet, const StoredBody& body, std::uint64_t offset, std::size_t length,
                     store::Tier tier, std::string& out);

/// The store's kWouldBlock as this room's; other errors as they are.
Error as_ours(Error error);

}  // namespace angarium::mailbox
