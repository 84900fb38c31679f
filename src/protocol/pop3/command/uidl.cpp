#include "protocol/pop3/command/listing.h"

namespace angarium::protocol::pop3 {

// RFC 1939 §7, UIDL.
Answer uidl(Session& session, Parameters parameters) {
  return answer_listing(session, parameters, [](Maildrop& maildrop, std::size_t index, std::string& to) {
    maildrop.append_unique_id(index, to);
  });
}

}  // namespace angarium::protocol::pop3
