// SRTP by libsrtp2, for a phone in the tests: it reads commands and answers each.
// A command is an octet, the length of what follows in two, and that; an answer the same, with 0 for done or libsrtp's status.
//   O, I  begin to send, to receive: the suite's number, the length of the MKI (0: none), the MKI, the master key and its salt
//   o, i  take another key for that, as RFC 3711 §3.3.1 wants it: rollovers count on
//   P, C  protect RTP, RTCP
//   U, V  unprotect RTP, RTCP
#include <srtp2/srtp.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 65535, TRAILER = SRTP_MAX_TRAILER_LEN + SRTP_MAX_MKI_LEN + 16 };

// One direction.
struct way {
    srtp_t session;
    unsigned char key[SRTP_MAX_KEY_LEN], mki[SRTP_MAX_MKI_LEN];
    srtp_master_key_t master;
};

// suites are those of the test, in its order.
static void suite(int n, srtp_crypto_policy_t *rtp, srtp_crypto_policy_t *rtcp) {
    switch (n) {
    case 0: srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(rtp); srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(rtcp); break;
    case 1: srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(rtp); srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(rtcp); break;
    case 2: srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(rtp); srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(rtcp); break;
    case 3: srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(rtp); srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(rtcp); break;
    case 4: srtp_crypto_policy_set_aes_gcm_128_16_auth(rtp); srtp_crypto_policy_set_aes_gcm_128_16_auth(rtcp); break;
    default: srtp_crypto_policy_set_aes_gcm_256_16_auth(rtp); srtp_crypto_policy_set_aes_gcm_256_16_auth(rtcp); break;
    }
}

static int begin(struct way *w, int inbound, int anew, const unsigned char *p, int size) {
    srtp_policy_t policy;
    srtp_master_key_t *keys[] = { &w->master };
    memset(&policy, 0, sizeof policy);
    if (size < 2 || size < 2 + p[1] || size - 2 - p[1] > (int)sizeof w->key) return srtp_err_status_bad_param;
    suite(p[0], &policy.rtp, &policy.rtcp);
    memcpy(w->mki, p + 2, p[1]);
    memcpy(w->key, p + 2 + p[1], size - 2 - p[1]);
    w->master.key = w->key;
    w->master.mki_id = w->mki;
    w->master.mki_size = p[1];
    policy.ssrc.type = inbound ? ssrc_any_inbound : ssrc_any_outbound;
    policy.window_size = 128;
    if (p[1]) {
        policy.keys = keys;
        policy.num_master_keys = 1;
    } else {
        policy.key = w->key;
    }
    if (!anew) return srtp_update(w->session, &policy);
    if (w->session) srtp_dealloc(w->session);
    return srtp_create(&w->session, &policy);
}

int main(void) {
    static struct way out, in;
    static unsigned char p[LONGEST + TRAILER] __attribute__((aligned(8)));
    unsigned char head[3];
    if (srtp_init() != srtp_err_status_ok) return 1;
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        int size = head[1] << 8 | head[2], status, written = 0;
        if (fread(p, 1, size, stdin) != (size_t)size) return 1;
        switch (head[0]) {
        case 'O': case 'o': status = begin(&out, 0, head[0] == 'O', p, size); break;
        case 'I': case 'i': status = begin(&in, 1, head[0] == 'I', p, size); break;
        case 'P': status = srtp_protect_mki(out.session, p, &size, out.master.mki_size > 0, 0); written = size; break;
        case 'C': status = srtp_protect_rtcp_mki(out.session, p, &size, out.master.mki_size > 0, 0); written = size; break;
        case 'U': status = srtp_unprotect_mki(in.session, p, &size, in.master.mki_size > 0); written = size; break;
        case 'V': status = srtp_unprotect_rtcp_mki(in.session, p, &size, in.master.mki_size > 0); written = size; break;
        default: return 1;
        }
        if (status) written = 0;
        head[0] = status, head[1] = written >> 8, head[2] = written;
        fwrite(head, 1, sizeof head, stdout);
        fwrite(p, 1, written, stdout);
        fflush(stdout);
    }
    return 0;
}
