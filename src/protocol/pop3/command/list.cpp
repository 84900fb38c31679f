#include "protocol/pop3/command/listing.h"
#include "protocol/pop3/writer.h"

namespace angarium::protocol::pop3 {

// RFC 1939 §5, LIST.
Answer list(Session& session, Parameters parameters) {
  return answer_listing(session, parameters, [](Maildrop& maildrop, std::size_t index, std::string& to) {
    append_number(to, maildrop.octets(index));
  });
}

}  // namespace angarium::protocol::pop3
