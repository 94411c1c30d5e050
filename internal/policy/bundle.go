package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// bundle is a sigstore bundle, versions 0.1 to 0.3, in JSON form; see the
// protobuf specification of sigstore.
type bundle struct {
	Material struct {
		Certificate *rawBytes `json:"certificate"`
		Chain       *struct {
			Certificates []rawBytes `json:"certificates"`
		} `json:"x509CertificateChain"`
		Entries []bundleEntry `json:"tlogEntries"`
	} `json:"verificationMaterial"`
	Envelope *struct {
		Payload     []byte `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			Sig []byte `json:"sig"`
		} `json:"signatures"`
	} `json:"dsseEnvelope"`
}

type rawBytes struct {
	RawBytes []byte `json:"rawBytes"`
}

type bundleEntry struct {
	LogIndex json.Number `json:"logIndex"`
	LogID    struct {
		KeyID []byte `json:"keyId"`
	} `json:"logId"`
	IntegratedTime json.Number `json:"integratedTime"`
	Promise        *struct {
		Timestamp []byte `json:"signedEntryTimestamp"`
	} `json:"inclusionPromise"`
	Body []byte `json:"canonicalizedBody"`
}

// statement is the part of an in-toto statement that counts.
type statement struct {
	Subject []struct {
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	PredicateType string `json:"predicateType"`
}

// parseBundle reads the signature of a statement about images. Statements that
// say something else than that the image was signed are refused: an SBOM that
// is signed does not vouch for its image.
func parseBundle(data []byte) (signature, error) {
	var b bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return signature{}, err
	}
	switch {
	case b.Envelope == nil:
		return signature{}, errors.New("it holds no signed statement")
	case b.Envelope.PayloadType != payloadTypeInToto:
		return signature{}, fmt.Errorf("its payload is of type %q", b.Envelope.PayloadType)
	case len(b.Envelope.Signatures) != 1:
		return signature{}, fmt.Errorf("it holds %d signatures instead of one", len(b.Envelope.Signatures))
	}
	var st statement
	if err := json.Unmarshal(b.Envelope.Payload, &st); err != nil {
		return signature{}, fmt.Errorf("statement: %w", err)
	}
	if st.PredicateType != predicateCosignSign {
		return signature{}, fmt.Errorf("its statement is of type %q, not about signing", st.PredicateType)
	}
	s := signature{
		signed:  authenticated(b.Envelope.PayloadType, b.Envelope.Payload),
		payload: b.Envelope.Payload, sig: b.Envelope.Signatures[0].Sig,
	}
	for _, subject := range st.Subject {
		for algorithm, hex := range subject.Digest {
			s.subjects = append(s.subjects, algorithm+":"+hex)
		}
	}
	b.certificates(&s)
	return s, b.logged(&s)
}

// authenticated is the pre-authentication encoding of DSSE.
func authenticated(payloadType string, payload []byte) []byte {
	head := "DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " "
	return append([]byte(head), payload...)
}

func (b bundle) certificates(s *signature) {
	if b.Material.Certificate != nil {
		s.certificate = b.Material.Certificate.RawBytes
	}
	if b.Material.Chain == nil {
		return
	}
	for i, c := range b.Material.Chain.Certificates {
		if i == 0 {
			s.certificate = c.RawBytes
		} else {
			s.chain = append(s.chain, c.RawBytes)
		}
	}
}

// logged takes the first entry that the log promised to include.
func (b bundle) logged(s *signature) error {
	for _, e := range b.Material.Entries {
		if e.Promise == nil {
			continue
		}
		index, err := e.LogIndex.Int64()
		if err != nil {
			return fmt.Errorf("log entry: %w", err)
		}
		when, err := e.IntegratedTime.Int64()
		if err != nil {
			return fmt.Errorf("log entry: %w", err)
		}
		s.logged = &logEntry{Body: e.Body, Time: when, Index: index, LogID: fmt.Sprintf("%x", e.LogID.KeyID), Promise: e.Promise.Timestamp}
		return nil
	}
	return nil
}
