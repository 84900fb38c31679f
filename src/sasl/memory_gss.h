// Kerberos without a key distribution centre, for tests, fuzzing and session scripts: it proves nothing.
#pragma once

#include <memory>
#include <string>

#include "sasl/gss.h"

namespace angarium::sasl {

/// Has a ticket of `owner` for `service`. The exchange of an owner takes a round trip more for each word "slow" that
/// the name begins with.
std::unique_ptr<GssContext> memory_gss_initiator(std::string owner, std::string service,
                                                 Protection strongest = Protection::confidentiality);

/// The answer to GssWanted by who believes such tickets.
Result<GssAnswer> memory_gss_answer(GssWanted wanted, Protection strongest = Protection::confidentiality);

}  // namespace angarium::sasl
