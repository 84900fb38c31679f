#include "message/normal_form.h"

#include "support/test.h"

using angarium::message::normal_form_c;

TEST_CASE("RFC 5198 section 2, UAX #15: a name in any spelling has one normal form C") {
  CHECK(normal_form_c("") == "");
  CHECK(normal_form_c("plain/ASCII") == "plain/ASCII");
  CHECK(normal_form_c("gr\u00FCn") == "gr\u00FCn");
  CHECK(normal_form_c("gru\u0308n") == "gr\u00FCn");
  // Marks in another order; Hangul; a sign that is another letter.
  CHECK(normal_form_c("a\u0301\u0323") == normal_form_c("\u1EA1\u0301"));
  CHECK(normal_form_c("\u1112\u1161\u11AB") == "\uD55C");
  CHECK(normal_form_c("\u212B") == "\u00C5");
  // As long as it gets: three octets for one.
  CHECK(normal_form_c("\U0001D160")->size() == 12);
}
