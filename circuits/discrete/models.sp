* transistor and diode models of the discrete technology
* ports: none, model cards only: q2n3904 q2n3906 d1n4148 nald1106 pald1107
* parameters: none
* transfer: none
* measured: none
* ideal parts: none
* uses: none
* models: none
* source: see at each card
* 2N3904: "Spice Model" line of the Fairchild 2N3904/MMBT3904/PZT3904 data sheet (which prints ise=6.734 without its femto)
.model q2n3904 npn(is=6.734e-15 xti=3 eg=1.11 vaf=74.03 bf=416.4 ne=1.259 ise=6.734e-15 ikf=66.78e-3 xtb=1.5
+ br=0.7371 nc=2 isc=0 ikr=0 rc=1 cjc=3.638e-12 mjc=0.3085 vjc=0.75 fc=0.5 cje=4.493e-12 mje=0.2593 vje=0.75
+ tr=239.5e-9 tf=301.2e-12 itf=0.4 vtf=4 xtf=2 rb=10)
* 2N3906: widely reproduced values that are said to come from the Fairchild 2N3906 data sheet (the page itself was not seen)
.model q2n3906 pnp(is=1.41e-15 xti=3 eg=1.11 vaf=18.7 bf=180.7 ne=1.5 ise=0 ikf=80e-3 xtb=1.5 br=4.977 nc=2 isc=0
+ ikr=0 rc=2.5 cjc=9.728e-12 mjc=0.5776 vjc=0.75 fc=0.5 cje=8.063e-12 mje=0.3677 vje=0.75 tr=33.42e-9 tf=179.3e-12
+ itf=0.4 vtf=4 xtf=6 rb=10)
* 1N4148: attributed to onsemi in LTspice's standard.dio, repeated in many public libraries
.model d1n4148 d(is=2.52e-9 rs=0.568 n=1.752 cjo=4e-12 m=0.4 tt=20e-9)
* ALD1106 and ALD1107: no vendor card exists; level 1 as in the University of Maine's course library umaine.lib (ECE 343),
* from the data sheets and students' measurements (w=20e-6 l=10e-6 there too: only kp w/l means something);
* cgso and cgdo are own estimates: about 1 pF of gate capacitance a transistor, where that library has next to none
.model nald1106 nmos(level=1 vto=0.7 kp=225e-6 lambda=0.029 gamma=0.85 phi=0.9 cgso=40e-9 cgdo=10e-9 cbd=0.5e-12 cbs=0.5e-12)
.model pald1107 pmos(level=1 vto=-0.82 kp=100e-6 lambda=0.0304 gamma=0.45 phi=0.8 cgso=40e-9 cgdo=10e-9 cbd=0.5e-12 cbs=0.5e-12)
