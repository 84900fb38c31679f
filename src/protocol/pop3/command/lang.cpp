#include "base/text.h"
#include "protocol/pop3/session.h"

namespace angarium::protocol::pop3 {

// RFC 6856 §3, LANG: our texts are English, which serves as the default language of RFC 2277 §4.5 as well.
Answer lang(Session& session, Parameters parameters) {
  if (!parameters.present()) {
    session.ok("language listing follows");
    session.output.append("en English\r\ni-default English\r\n.\r\n");
    return Result<>();
  }
  const auto range = parameters.require();
  if (!range || !parameters.end()) {
    session.refuse_bad("LANG takes one language range");
    return Result<>();
  }
  // RFC 4647 §3.4: a range that is narrower than what there is gives what there is.
  if (*range == "*" || equals_ignore_case(range->substr(0, range->find('-')), "en")) {
    session.ok("en these texts are English");
  } else if (equals_ignore_case(*range, "i-default")) {
    session.ok("i-default these texts are English");
  } else {
    session.refuse(Code::none, "no texts in this language");
  }
  return Result<>();
}

}  // namespace angarium::protocol::pop3
